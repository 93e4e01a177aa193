# For "make bench".  The floor is the same logins by a bare loop over libssh2; it borrows libdt.a's reader of key files.
$(BUILD)/tests/floor: $(BUILD)/obj/tests/bench/floor.o $(BUILD)/libdt.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/tests/meter: $(BUILD)/obj/tests/bench/meter.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^

BENCH := $(addprefix $(BUILD)/tests/,floor meter simfleet)
