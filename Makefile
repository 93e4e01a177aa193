# dt - runs one action on many hosts over SSH.  "make help" tells the targets.
PREFIX   ?= /usr/local
DESTDIR  ?=
CC       ?= cc
comma    := ,
BUILD    ?= build$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
VERSION  := 0.1

PKGS     := libssh2 libpcre2-8 inih sqlite3 libcrypto libzstd
PKGS_ALL := $(PKGS) libedit
WARN     := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
            -Wformat=2 -Wpointer-arith -Wwrite-strings -Wvla
HARD     := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection \
            $(if $(filter x86_64 i%86,$(shell uname -m)),-fcf-protection)
CFLAGS   ?= -O2 -g
ALL_CFLAGS  = -std=c11 -D_GNU_SOURCE -DDT_VERSION='"$(VERSION)"' -fPIE $(WARN) $(CFLAGS) \
              $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all,$(HARD))
ALL_LDFLAGS = $(LDFLAGS) -pie -Wl,-z,relro,-z,now $(if $(SANITIZE),-fsanitize=$(SANITIZE))
# Empty where pkg-config or a library is missing; "libraries" below says so.
PKG_CFLAGS  := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LIBS        := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -ldl -lpthread

ROOMS    := dt/base inventory dt/ssh dt/files dt/run dt/report dt/cli
LIB_SRC  := $(foreach r,$(ROOMS),$(wildcard $(r)/*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
MODULES  := $(patsubst modules/%.c,$(BUILD)/lib/dt/modules/%.so,$(wildcard modules/*.c))
# Other names of modules: NAME=MODULE.
ALIASES  := scp=push rscp=pull supervise=service sv=service
ALIAS    := $(foreach a,$(ALIASES),$(BUILD)/lib/dt/modules/$(firstword $(subst =, ,$(a))).so)
SCRIPTS  := $(patsubst modules/scripts/%,$(BUILD)/lib/dt/scripts/%,$(wildcard modules/scripts/*))
SELECT   := $(patsubst selectors/%,$(BUILD)/lib/dt/selectors/%,$(wildcard selectors/*))
TOOLS    := $(patsubst dt/tools/%.c,$(BUILD)/bin/%,$(wildcard dt/tools/*.c))
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
COMPLETE := bash-completion/completions/dt zsh/site-functions/_dt fish/vendor_completions.d/dt.fish
MAN      := $(wildcard man/*.[1-9])

# One short line a file; "make V=1" shows the commands.
Q         = $(if $(V),,@)
say       = $(if $(V),,@printf '  %-5s %s\n' '$(1)' '$(2)')

.PHONY: all libraries unit check lint bench bench-deps demo install uninstall clean help
all: $(BUILD)/bin/dt $(MODULES) $(ALIAS) $(SCRIPTS) $(SELECT) $(TOOLS) $(COMPLETE:%=$(BUILD)/share/%)

libraries:
	@pkg-config --exists $(PKGS_ALL) || \
		{ echo "make: a library is missing; contrib/install-deps installs what dt needs" >&2; exit 1; }

$(BUILD)/libdt.a: $(LIB_OBJ)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(AR) rcs $@ $^

$(BUILD)/bin/dt: $(BUILD)/obj/dt/main.o $(BUILD)/libdt.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# The one with a line editor.
$(BUILD)/bin/dtsh: LIBS += $(shell pkg-config --libs libedit 2>/dev/null)
$(BUILD)/bin/%: $(BUILD)/obj/dt/tools/%.o $(BUILD)/libdt.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# What runs on hosts is written as shell files, and sent as one line: a csh takes no newline.
SH_TEXT  := $(patsubst %.sh,$(BUILD)/gen/%.sh.h,$(wildcard dt/files/*.sh dt/ssh/*.sh modules/*/*.sh))
$(BUILD)/gen/%.sh.h: %.sh
	@mkdir -p $(@D)
	@sed -e '/^[[:space:]]*#/d' -e 's/^[[:space:]]*//' -e 's/["\\]/\\&/g' -e 's/?/\\?/g' -e 's/.*/"& "/' $< > $@.new
	@mv $@.new $@

$(BUILD)/obj/%.o: %.c $(SH_TEXT) | libraries
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -I. -I$(BUILD)/gen -MMD -MP -MF $(@:.o=.d.new) -c -o $@ $<
	@mv $(@:.o=.d.new) $(@:.o=.d)

# Modules see modules/ and nothing else of dt.  One is modules/NAME.c and, where there is such a
# folder, modules/NAME/; what several need is in modules/lib/.
MOD_LIB  := $(patsubst %.c,$(BUILD)/mod/%.o,$(wildcard modules/lib/*.c))
mod_part  = $(patsubst %.c,$(BUILD)/mod/%.o,$(wildcard modules/$(1)/*.c))

$(BUILD)/mod/%.o: %.c $(SH_TEXT)
	@mkdir -p $(@D)
	$(call say,MOD,$<)
	$(Q)$(CC) $(filter-out -fPIE,$(ALL_CFLAGS)) -fPIC -Imodules -I$(BUILD)/gen/modules -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(BUILD)/libmodule.a: $(MOD_LIB)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

.SECONDEXPANSION:
$(BUILD)/lib/dt/modules/%.so: $(BUILD)/mod/modules/%.o $$(call mod_part,$$*) $(BUILD)/libmodule.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(filter-out -fPIE -pie,$(ALL_CFLAGS) $(ALL_LDFLAGS)) -shared -o $@ $(filter %.o %.a,$^)

$(ALIAS):
	@mkdir -p $(@D)
	@ln -sf $(patsubst $(basename $(notdir $@))=%,%.so,$(filter $(basename $(notdir $@))=%,$(ALIASES))) $@

$(BUILD)/lib/dt/scripts/%: modules/scripts/%
	@install -D -m 0755 $< $@

$(BUILD)/lib/dt/selectors/%: selectors/%
	@install -D -m 0755 $< $@

# The shell is the first part of the path.
$(COMPLETE:%=$(BUILD)/share/%): $(BUILD)/bin/dt
	@mkdir -p $(@D)
	@DT_CONF=/dev/null $< completion '$(word 1,$(subst -, ,$(subst /, ,$(@:$(BUILD)/share/%=%))))' > $@.new
	@mv $@.new $@

# Of the parts of a module (modules/NAME/), test_NAME tests what needs no dt around it.
$(BUILD)/obj/tests/unit/%.o: ALL_CFLAGS += -Imodules
$(BUILD)/tests/test_supervise: $(BUILD)/mod/modules/service/supervise.o
$(BUILD)/tests/test_%: $(BUILD)/obj/tests/unit/test_%.o $$(call mod_part,$$*) $(BUILD)/libdt.a $(BUILD)/libmodule.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

.SECONDARY:
unit: $(UNIT)

# ---- what needs more than a compiler: another make begins when everything is there ----

check:
	@contrib/install-deps --check
	@DT_MAKE='$(MAKE)' tests/run

lint:
	@contrib/install-deps --check
	+@$(MAKE) --no-print-directory all
	@DT_BUILD='$(abspath $(BUILD))' tests/lint/run

bench:
	@contrib/install-deps --check
	+@$(MAKE) --no-print-directory all $(BENCH)
	@DT_BUILD='$(abspath $(BUILD))' tests/bench/bench

# The tools that dt is measured beside.
bench-deps:
	@contrib/install-deps --bench

# FLEET=N: on N simulated hosts instead of three real ones.
demo:
	@contrib/install-deps $(if $(FLEET),--fleet,--demo)
	+@$(MAKE) --no-print-directory all $(if $(FLEET),$(BUILD)/tests/simfleet)
	@DT_BUILD='$(abspath $(BUILD))' $(if $(FLEET),contrib/demo-fleet '$(FLEET)',contrib/demo)

# ---- a tree that runs where it stands: PREFIX/bin/dt finds PREFIX/lib/dt ----

# Each file once: its folder below PREFIX, its mode, where it comes from.
TREE      = $(DESTDIR)$(PREFIX)
put       = install -d -m 0755 '$(TREE)/$(1)' && install -m $(2) $(3) '$(TREE)/$(1)'
INSTALLED = $(addprefix bin/,$(notdir $(BUILD)/bin/dt $(TOOLS))) $(addprefix lib/dt/modules/,$(notdir $(MODULES) $(ALIAS))) \
            $(addprefix lib/dt/scripts/,$(notdir $(SCRIPTS))) $(addprefix lib/dt/selectors/,$(notdir $(SELECT))) \
            $(foreach m,$(MAN),share/man/man$(subst .,,$(suffix $(m)))/$(notdir $(m))) \
            $(addprefix share/,$(COMPLETE)) include/dt_module.h

install: all
	$(call put,bin,0755,$(BUILD)/bin/dt $(TOOLS))
	$(call put,lib/dt/modules,0644,$(MODULES))
	@$(foreach a,$(ALIASES),ln -sf $(lastword $(subst =, ,$(a))).so \
		'$(TREE)/lib/dt/modules/$(firstword $(subst =, ,$(a))).so' &&) true
	$(call put,lib/dt/scripts,0755,$(SCRIPTS))
	install -d -m 0755 '$(TREE)/lib/dt/selectors'
	$(if $(SELECT),$(call put,lib/dt/selectors,0755,$(SELECT)))
	@$(foreach m,$(MAN),$(call put,share/man/man$(subst .,,$(suffix $(m))),0644,$(m)) &&) true
	@$(foreach c,$(COMPLETE),$(call put,share/$(patsubst %/,%,$(dir $(c))),0644,$(BUILD)/share/$(c)) &&) true
	$(call put,include,0644,modules/dt_module.h)

uninstall:
	@cd '$(TREE)' && rm -f $(INSTALLED)
	@cd '$(TREE)' && for d in lib/dt/modules lib/dt/scripts lib/dt/selectors lib/dt; do \
		if test -d $$d; then rmdir --ignore-fail-on-non-empty $$d; fi; done

clean:
	rm -rf build build-*

help:
	@echo "make             build dt into $(BUILD)/, runnable there as $(BUILD)/bin/dt"
	@echo "make demo        three sshd on loopback, and dt at work on them; FLEET=1000: a simulated fleet"
	@echo "make check       all tests, plain and with sanitizers"
	@echo "make lint        layers, headers, manual pages, banned functions, cppcheck"
	@echo "make unit        the unit tests' programs, in $(BUILD)/tests/"
	@echo "make bench       speed, beside other tools; make bench-deps installs them from Debian"
	@echo "make nss_map     libnss_map.so.2 and its bundle (contrib/nss_map); make install-nss_map puts it on this machine"
	@echo "make install     into PREFIX ($(PREFIX)), below DESTDIR; make uninstall takes it away"
	@echo "make clean       remove build/ and build-*/"
	@echo "SANITIZE=address,undefined or SANITIZE=thread builds into a folder of its own"

-include contrib/nss_map/rules.mk tests/modules/rules.mk tests/fleet/rules.mk tests/bench/rules.mk
-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)
