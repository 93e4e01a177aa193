# What the tests of modules load: the dummies of this folder, and contrib/skeleton.
DUMMIES := $(patsubst tests/modules/%.c,$(BUILD)/tests/modules/%.so,$(wildcard tests/modules/*.c))

$(BUILD)/tests/modules/%.so: tests/modules/%.c
	@mkdir -p $(@D)
	$(call say,MOD,$<)
	$(Q)$(CC) $(filter-out -fPIE,$(ALL_CFLAGS)) -fPIC -Imodules -MMD -MP -MF $(@:.so=.d) -shared -o $@ $<

$(BUILD)/tests/modules/hello.so: contrib/skeleton/hello.c contrib/skeleton/Makefile modules/dt_module.h
	@mkdir -p $(@D)
	$(Q)$(MAKE) --no-print-directory -s -C contrib/skeleton CC='$(CC)' DT_INCLUDE='$(abspath modules)' OUT='$(abspath $(@D))'

$(BUILD)/tests/test_modload: | $(DUMMIES) $(BUILD)/tests/modules/hello.so
$(BUILD)/tests/test_modules: | $(MODULES) $(SCRIPTS)
