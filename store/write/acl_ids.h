/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acl_ids.h - whom the ACLs in a set of xattrs name, so that the snapshot can
 * say what these users and groups are called.
 */
#ifndef STORE_WRITE_ACL_IDS_H
#define STORE_WRITE_ACL_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/codec/hash.h"

/* A negative return ends and is returned. */
typedef int (*cr_acl_id_fn)(void *arg, bool is_group, uint32_t id);

/* What is no ACL names nobody.  Errors of parsing @set, and @fn's. */
cr_must_check int cr_acl_ids(struct cr_piece set, cr_acl_id_fn fn, void *arg);

#endif
