/* dtstatus - the lines of the hosts that are okay, then those of the others. */
#include "dt/report/filter.h"

int main(int argc, char **argv)
{
	return filter_main("status", argc, argv);
}
