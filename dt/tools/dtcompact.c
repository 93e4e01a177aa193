/* dtcompact - a dot a host, then counts and the lines that failed. */
#include "dt/report/filter.h"

int main(int argc, char **argv)
{
	return filter_main("compact", argc, argv);
}
