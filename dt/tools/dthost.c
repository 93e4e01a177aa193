/* dthost - each host's status line, with its message in lines below. */
#include "dt/report/filter.h"

int main(int argc, char **argv)
{
	return filter_main("host", argc, argv);
}
