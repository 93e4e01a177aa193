# dt - parallel SSH fleet tool.  make help tells the targets.
PREFIX   ?= /usr/local
DESTDIR  ?=
CC       ?= cc
BUILD    ?= build$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
comma    := ,
VERSION  := 0.1

PKGS     := libssh2 libpcre2-8 inih sqlite3 libcrypto
WARN     := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
            -Wformat=2 -Wpointer-arith -Wwrite-strings -Wvla
HARD     := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection
CFLAGS   ?= -O2 -g
ALL_CFLAGS  = -std=c11 -D_GNU_SOURCE -DDT_VERSION='"$(VERSION)"' -fPIE $(WARN) $(CFLAGS) \
              $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all,$(HARD))
ALL_LDFLAGS = $(LDFLAGS) -pie -Wl,-z,relro,-z,now $(if $(SANITIZE),-fsanitize=$(SANITIZE))
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LIBS        = $(shell pkg-config --libs $(PKGS)) -ldl -lpthread

ROOMS    := dt/base inventory dt/ssh dt/run dt/report dt/cli
LIB_SRC  := $(foreach r,$(ROOMS),$(wildcard $(r)/*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
MODULES  := $(patsubst modules/%.c,$(BUILD)/lib/dt/modules/%.so,$(wildcard modules/*.c))
SCRIPTS  := $(patsubst modules/scripts/%,$(BUILD)/lib/dt/scripts/%,$(wildcard modules/scripts/*))
TOOLS    := $(patsubst dt/tools/%.c,$(BUILD)/bin/%,$(wildcard dt/tools/*.c))
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))

.PHONY: all check lint bench demo install uninstall clean unit help
all: $(BUILD)/bin/dt $(MODULES) $(SCRIPTS) $(TOOLS)

$(BUILD)/libdt.a: $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/bin/dt: $(BUILD)/obj/dt/main.o $(BUILD)/libdt.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/bin/%: $(BUILD)/obj/dt/tools/%.o $(BUILD)/libdt.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -I. -MMD -MP -c -o $@ $<

# Modules see modules/ and nothing else of dt.
$(BUILD)/lib/dt/modules/%.so: modules/%.c
	@mkdir -p $(@D)
	$(CC) $(filter-out -fPIE,$(ALL_CFLAGS)) -fPIC -Imodules -MMD -MP -MF $(@:.so=.d) -shared -o $@ $<

$(BUILD)/lib/dt/scripts/%: modules/scripts/%
	@mkdir -p $(@D)
	install -m 0755 $< $@

$(BUILD)/tests/test_%: $(BUILD)/obj/tests/unit/test_%.o $(BUILD)/libdt.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

unit: $(UNIT)

-include tests/modules/rules.mk
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
