/* dtgather - hosts with the same message together. */
#include "dt/report/filter.h"

int main(int argc, char **argv)
{
	return filter_main("gather", argc, argv);
}
