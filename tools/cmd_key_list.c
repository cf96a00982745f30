/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "store/base/error.h"
#include "store/base/log.h"
#include "tools/cmd_key.h"
#include "tools/commands.h"
#include "tools/format.h"

/* How many slots of each kind every key of the roster has. */
struct slots {
	struct cr_context *ctx; /* borrowed */
	const struct cr_roster *roster;
	uint32_t (*count)[2]; /* owned; passphrases, key files */
};

static void slots_release(struct slots *slots)
{
	free(slots->count);
	slots->count = NULL;
}

static int count_slot(void *arg, const char *name, const struct cr_slot *slot,
		      int error)
{
	struct slots *slots = arg;

	if (error < 0 || !slot) {
		cr_log(CR_LOG_ERR, "keys/%s: %s", name, cr_detail());
		cr_context_raise(slots->ctx, CR_EXIT_DAMAGE);
		return 0;
	}
	for (uint32_t i = 0; i < slots->roster->keys; i++) {
		if (cr_uid_equal(&slots->roster->key[i].id, &slot->key))
			slots->count[i][slot->method == CR_SLOT_KEY_FILE]++;
	}
	return 0;
}

static void json_key(struct cr_output *out, const struct cr_roster_key *key,
		     const uint32_t count[2], bool own)
{
	json_t *line = cr_json_line(out, "key");
	json_t *sources = json_array();

	cr_json_uid(line, "id", &key->id);
	cr_json_text(line, "role", cr_role_text(key->role));
	cr_json_name(line, "label",
		     (struct cr_piece){ key->label, strlen(key->label) });
	for (uint32_t i = 0; i < key->sources; i++)
		(void)json_array_append_new(sources,
					    json_string(key->source[i]));
	(void)json_object_set_new(line, "sources", sources);
	cr_json_uid(line, "domain", &key->domain);
	cr_json_u64(line, "passphrases", count[0]);
	cr_json_u64(line, "key_files", count[1]);
	cr_json_bool(line, "revoked", key->revoked);
	cr_json_bool(line, "this", own);
	cr_say_json(out, line);
}

static void say_key(struct cr_output *out, const struct cr_roster_key *key,
		    const uint32_t count[2], bool own)
{
	char slots[32];

	(void)snprintf(slots, sizeof(slots), "%" PRIu32 "+%" PRIu32, count[0],
		       count[1]);
	cr_say(out, "%c%s  %-5s  %-8s  %-6s ", own ? '*' : ' ',
	       cr_short_uid(&key->id).text, cr_role_text(key->role),
	       key->role == CR_ROLE_READ ? "-"
					 : cr_short_uid(&key->domain).text,
	       key->revoked ? "gone" : slots);
	cr_say_path(out, key->label);
	for (uint32_t i = 0; i < key->sources; i++) {
		cr_say(out, "%s", i == 0 ? " (" : ", ");
		cr_say_path(out, key->source[i]);
	}
	cr_say(out, "%s%s\n", key->sources > 0 ? ")" : "",
	       key->revoked ? " revoked" : "");
}

static int run(struct cr_context *ctx, void *options)
{
	cr_cleanup(cr_session_close) struct cr_session session = { 0 };
	cr_cleanup(slots_release) struct slots slots = { .ctx = ctx };
	const struct cr_roster *roster;
	int r;

	(void)options;
	r = cr_session_open(ctx, &session);
	if (r < 0)
		return r;
	r = cr_session_state(&session, false);
	if (r < 0)
		return r;
	roster = slots.roster = &session.repo->keys->roster;
	slots.count = calloc(roster->keys, sizeof(*slots.count));
	if (!slots.count)
		return -ENOMEM;
	r = cr_repo_each_slot(session.repo, count_slot, &slots);
	if (r < 0)
		return r;
	cr_tell(ctx->out, " %-8s  %-5s  %-8s  %-6s %s\n", "KEY", "ROLE",
		"DOMAIN", "SLOTS", "LABEL (SOURCES)");
	for (uint32_t i = 0; i < roster->keys; i++) {
		const struct cr_roster_key *key = &roster->key[i];
		bool own = cr_uid_equal(
			&key->id, cr_keyring_id(session.repo->keys->ring));

		if (ctx->out->json)
			json_key(ctx->out, key, slots.count[i], own);
		else
			say_key(ctx->out, key, slots.count[i], own);
	}
	cr_json_u64(ctx->out->summary, "keys", roster->keys);
	cr_json_u64(ctx->out->summary, "epoch", roster->epochs);
	cr_json_u64(ctx->out->summary, "roster", session.repo->keys->roster_n);
	return cr_output_check(ctx->out);
}

const struct cr_command cr_command_key_list = {
	.name = "key list",
	.help = "List the keys of the repository",
	.more = "The key in use has a star.  SLOTS says under how many "
		"passphrases and key files a key lies: 1+0 is one passphrase.  "
		"Keys of one domain share deduplication.",
	.operands = "",
	.example = "key list",
	.run = run,
};
