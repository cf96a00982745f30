/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * backup_pipe.h - back up what a command prints.
 */
#ifndef TOOLS_BACKUP_PIPE_H
#define TOOLS_BACKUP_PIPE_H

#include "store/write/ingest.h"

/*
 * Run @argv and store its standard output as the file @name.  -CR_ESOURCE, with
 * nothing committed, unless the command exits with 0.
 */
cr_must_check int cr_backup_command(struct cr_ingest *ingest, const char *name,
				    char *const *argv,
				    struct cr_manifest *manifest);

#endif
