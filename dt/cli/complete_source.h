/*
 * complete_source - what an app knows, as completion asks for it.
 */
#ifndef DT_CLI_COMPLETE_SOURCE_H
#define DT_CLI_COMPLETE_SOURCE_H

#include "dt/cli/app.h"
#include "dt/cli/complete.h"

/*
 * Inventory and modules of a are opened when they are asked for and stay open
 * until app_release; the journal is opened each time.  One that is broken, of
 * a newer dt or held by a writer gives nothing, and costs a fifth of a second
 * at most.
 */
void complete_source_init(struct complete_source *s, struct app *a);

#endif
