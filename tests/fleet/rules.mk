# The server of the fleet tests, on libssh: an implementation of SSH that is not ours.
SIM_SRC := $(wildcard tests/fleet/sim*.c)
SIM_OBJ := $(SIM_SRC:%.c=$(BUILD)/sim/%.o)
# Sanitizers are for what is tested; SIM_WITHOUT= puts them into the server too.
SIM_WITHOUT = -fsanitize=%

$(BUILD)/sim/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(filter-out $(SIM_WITHOUT),$(ALL_CFLAGS)) -MMD -MP -c -o $@ $<

$(BUILD)/tests/simfleet: $(SIM_OBJ)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(filter-out $(SIM_WITHOUT),$(ALL_CFLAGS)) $(LDFLAGS) -pie -o $@ $^ -lssh -linih -lpthread

unit: $(BUILD)/tests/simfleet
