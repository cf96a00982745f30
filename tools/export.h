/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * export.h - a snapshot, or a part of it, as a tar archive on standard output.
 */
#ifndef TOOLS_EXPORT_H
#define TOOLS_EXPORT_H

#include "tools/command.h"

/*
 * Export ctx->operand[0].  What is damaged is left out and raises exit status
 * 4; a file that turns out to be damaged after its header was written ends it.
 */
cr_must_check int cr_export(struct cr_context *ctx);

#endif
