# libnss_map.so.2, which is glibc's and no part of dt: "make nss_map", "make install-nss_map".
# nssmap.conf(5) tells what it does, contrib/nss_map/README.md how it comes onto a machine.
NSS_MAP_DIR    := contrib/nss_map
NSS_MAP_SRC    := $(wildcard $(NSS_MAP_DIR)/*.c)
NSS_MAP_SO     := $(BUILD)/lib/libnss_map.so.2
# Where glibc looks: /lib/x86_64-linux-gnu on Debian; elsewhere /lib64, say.
NSS_MAP_TRIPLE := $(shell $(CC) -print-multiarch 2>/dev/null)
NSS_MAP_LIBDIR ?= /lib$(if $(NSS_MAP_TRIPLE),/$(NSS_MAP_TRIPLE),64)
# What a bundle needs stands beside it.
NSS_MAP_BUNDLE := $(BUILD)/share/dt/bundles/nss_map.conf \
                  $(addprefix $(BUILD)/share/dt/bundles/nss_map/,libnss_map.so.2 nssmap.conf nssmap-switch)

.PHONY: nss_map install-nss_map
nss_map: $(NSS_MAP_SO) $(NSS_MAP_BUNDLE)

# Only what service.h names is to be seen from outside.
$(BUILD)/nss/%.o: %.c
	@mkdir -p $(@D)
	$(call say,NSS,$<)
	$(Q)$(CC) $(filter-out -fPIE,$(ALL_CFLAGS)) -fPIC -fvisibility=hidden -MMD -MP -MF $(@:.o=.d) -I. -c -o $@ $<

$(NSS_MAP_SO): $(NSS_MAP_SRC:%.c=$(BUILD)/nss/%.o)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(filter-out -fPIE -pie,$(ALL_CFLAGS) $(ALL_LDFLAGS)) -shared -Wl,-soname,libnss_map.so.2 -o $@ $^

$(BUILD)/share/dt/bundles/nss_map.conf: $(NSS_MAP_DIR)/nss_map.conf
	@mkdir -p $(@D)
	@sed 's|@LIBDIR@|$(NSS_MAP_LIBDIR)|g' $< > $@.new
	@mv $@.new $@

$(BUILD)/share/dt/bundles/nss_map/libnss_map.so.2: $(NSS_MAP_SO)
	@install -D -m 0644 $< $@

$(BUILD)/share/dt/bundles/nss_map/%: $(NSS_MAP_DIR)/%
	@install -D -m $(if $(filter %.conf,$@),0644,0755) $< $@

# A configuration that is there stays; nsswitch.conf(5) is the administrator's (nssmap-switch on).
install-nss_map: nss_map
	install -d -m 0755 '$(DESTDIR)$(NSS_MAP_LIBDIR)' '$(DESTDIR)/etc' '$(TREE)/sbin' '$(TREE)/share/man/man5' \
		'$(TREE)/share/dt/bundles/nss_map'
	install -m 0644 $(NSS_MAP_SO) '$(DESTDIR)$(NSS_MAP_LIBDIR)/libnss_map.so.2.new'
	mv -f '$(DESTDIR)$(NSS_MAP_LIBDIR)/libnss_map.so.2.new' '$(DESTDIR)$(NSS_MAP_LIBDIR)/libnss_map.so.2'
	test -e '$(DESTDIR)/etc/nssmap.conf' || install -m 0644 $(NSS_MAP_DIR)/nssmap.conf '$(DESTDIR)/etc'
	install -m 0755 $(NSS_MAP_DIR)/nssmap-switch '$(TREE)/sbin'
	install -m 0644 man/nssmap.conf.5 '$(TREE)/share/man/man5'
	install -m 0644 $(firstword $(NSS_MAP_BUNDLE)) '$(TREE)/share/dt/bundles'
	install -m 0644 $(NSS_MAP_SO) $(NSS_MAP_DIR)/nssmap.conf '$(TREE)/share/dt/bundles/nss_map'
	install -m 0755 $(NSS_MAP_DIR)/nssmap-switch '$(TREE)/share/dt/bundles/nss_map'

# The tests have files of their own instead of paths.c's.
$(BUILD)/tests/test_nss_map $(BUILD)/tests/test_nss_map_initgroups $(BUILD)/tests/test_nss_map_storm: \
	$(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out %/paths.c,$(NSS_MAP_SRC)))
