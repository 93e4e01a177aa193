# The servers of the fleet tests, on libssh: an implementation of SSH that is not ours.
$(BUILD)/tests/faultd: tests/fleet/faultd.c
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(filter-out -fsanitize=%,$(ALL_CFLAGS)) -MMD -MP -MF $@.d $(LDFLAGS) -pie -o $@ $< -lssh

unit: $(BUILD)/tests/faultd
