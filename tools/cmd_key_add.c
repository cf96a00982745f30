/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "tools/cmd_key.h"
#include "tools/commands.h"

enum { ROLE_READ = 1, ROLE_PUT };

struct options {
	struct cr_wrap_options wrap; /* first: credentials.h */
	struct cr_words source;
	const char *label;
	const char *share;
	unsigned int role; /* 1 and 2: as the table names them */
};
static_assert(offsetof(struct options, wrap) == 0, "credentials.h");

static int check(const struct options *options)
{
	if (options->role == 0)
		return cr_fail(CR_EUSAGE,
			       "key add: name its --role: read or put");
	if (options->role == ROLE_PUT && options->source.count == 0)
		return cr_fail(CR_EUSAGE,
			       "key add: name each --source it may back up");
	if (options->role == ROLE_READ && options->source.count > 0)
		return cr_fail(CR_EUSAGE,
			       "key add: a read key has no --source");
	if (options->role == ROLE_READ && options->share)
		return cr_fail(CR_EUSAGE,
			       "key add: a read key has no --share-domain");
	if (options->label && strlen(options->label) > CR_LABEL_MAX)
		return cr_fail(CR_EUSAGE,
			       "key add: a --label has at most %d bytes",
			       CR_LABEL_MAX);
	for (uint32_t i = 0; i < options->source.count; i++) {
		const char *name = options->source.word[i];

		if (!cr_source_valid((struct cr_piece){ name, strlen(name) }))
			return cr_fail(CR_EUSAGE,
				       "--source %s: a name has 1 to 64 of "
				       "A-Z a-z 0-9 . _ - and no dot first",
				       name);
	}
	return 0;
}

static int add(struct cr_key_session *keys, const struct options *options,
	       struct cr_key_made *made)
{
	cr_cleanup(cr_wrap_release) struct cr_wrap wrap = { 0 };
	const struct cr_repo *repo = keys->session.repo;
	const struct cr_roster_key *share = NULL;
	struct cr_key_request request = {
		.role = options->role == ROLE_PUT ? CR_ROLE_PUT : CR_ROLE_READ,
		.label = options->label ? options->label : "",
		.source = options->source.word,
		.sources = options->source.count,
	};
	int r;

	if (cr_keyring_role(repo->keys->ring) != CR_ROLE_OWNER)
		return cr_fail(CR_ECAPABILITY,
			       "key add: only the owner's key makes others");
	if (options->share) {
		r = cr_key_find(&repo->keys->roster, options->share, &share);
		if (r < 0)
			return r;
		request.share = &share->id;
	}
	r = cr_wrap_get(&options->wrap, &wrap);
	if (r < 0)
		return r;
	r = cr_key_add(repo, keys->storage, &request, &wrap.slot, made);
	if (r < 0)
		return r;
	return cr_wrap_finish(&wrap, &made->slot);
}

static int run(struct cr_context *ctx, void *arg)
{
	cr_cleanup(cr_key_session_close) struct cr_key_session keys = { 0 };
	const struct options *options = arg;
	struct cr_key_made made;
	int r;

	r = check(options);
	if (r < 0)
		return r;
	r = cr_key_session_open(ctx, &keys);
	if (r < 0)
		return r;
	r = add(&keys, options, &made);
	if (r < 0)
		return r;
	cr_json_uid(ctx->out->summary, "key", &made.key);
	cr_json_uid(ctx->out->summary, "slot", &made.slot);
	cr_tell(ctx->out, "key %s admitted: it may %s\n",
		cr_uid_hex(&made.key).text,
		options->role == ROLE_PUT
			? "back up and can read nothing"
			: "read everything and write nothing");
	return 0;
}

static const struct cr_option table[] = {
	{ "role", 0, CR_OPTION_CHOICE, "read|put",
	  "read: restore and mount; put: back up, read nothing",
	  offsetof(struct options, role), 0, 0 },
	{ "source", 0, CR_OPTION_LIST, "NAME",
	  "put: a source it may back up; may be repeated",
	  offsetof(struct options, source), 0, 0 },
	{ "label", 0, CR_OPTION_TEXT, "TEXT", "what people call the key",
	  offsetof(struct options, label), 0, 0 },
	{ "share-domain", 0, CR_OPTION_TEXT, "KEY",
	  "put: deduplicate together with KEY, which lets either confirm a "
	  "guess about the content of the other",
	  offsetof(struct options, share), 0, 0 },
	CR_WRAP_KEY_FILE,
	CR_WRAP_PASSPHRASE,
	CR_WRAP_KDF,
};

const struct cr_command cr_command_key_add = {
	.name = "key add",
	.help = "Admit another key",
	.more = "The new key lies under a passphrase of its own, asked for "
		"twice, or in a new key file.  Needs the owner's key.",
	.operands = "",
	.example = "key add --role put --source web1 --new-key-file web1.key",
	CR_COMMAND_OPTIONS(table),
	.size = sizeof(struct options),
	.run = run,
};
