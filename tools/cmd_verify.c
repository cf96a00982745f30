/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "store/base/error.h"
#include "store/read/verify.h"
#include "tools/commands.h"
#include "tools/format.h"
#include "tools/progress.h"
#include "tools/session.h"

struct options {
	bool read_data;
};

struct verification {
	struct cr_context *ctx;
	const struct options *options;
	struct cr_session session;
	const struct cr_snapshot **chosen; /* owned; NULL: all */
	struct cr_progress *progress;	   /* owned */
	struct cr_verify_totals totals;
	pthread_mutex_t lock;
	char at[256]; /* under: lock; what is looked at, its end */
};

static void verification_release(struct verification *v)
{
	cr_progress_stop(v->progress);
	free(v->chosen);
	cr_session_close(&v->session);
	(void)pthread_mutex_destroy(&v->lock);
}

/* ---- Progress ------------------------------------------------------------
 */

static void note_at(void *arg, struct cr_piece what)
{
	struct verification *v = arg;
	size_t len = cr_min(what.len, sizeof(v->at) - 1);

	if (!v->progress)
		return;
	(void)pthread_mutex_lock(&v->lock);
	memcpy(v->at, (const char *)what.bytes + what.len - len, len);
	v->at[len] = '\0';
	(void)pthread_mutex_unlock(&v->lock);
}

/* From the thread that draws. */
static void look(void *arg, struct cr_progress_state *ret)
{
	struct verification *v = arg;

	ret->files =
		atomic_load(&v->totals.objects) + atomic_load(&v->totals.packs);
	ret->bytes = atomic_load(&v->totals.bytes);
	if (v->options->read_data)
		ret->bytes_total = atomic_load(&v->totals.bytes_total);
	(void)pthread_mutex_lock(&v->lock);
	memcpy(ret->path, v->at, sizeof(ret->path));
	(void)pthread_mutex_unlock(&v->lock);
}

/* ---- Findings ------------------------------------------------------------
 */

static const struct {
	const char *text, *json;
} kinds[] = {
	[CR_FINDING_DAMAGE] = { "damaged: ", "damaged" },
	[CR_FINDING_TAMPER] = { "tampered with: ", "tampered" },
	[CR_FINDING_LOST] = { "lost: ", "lost" },
	[CR_FINDING_NOTE] = { "", "note" },
};

static struct cr_piece piece(const char *text)
{
	return (struct cr_piece){ text, strlen(text) };
}

static void json_finding(struct cr_output *out, const struct cr_finding *f)
{
	json_t *line = cr_json_line(out, kinds[f->kind].json);

	if (!line)
		return;
	if (f->object)
		cr_json_text(line, "object", f->object);
	if (f->kind == CR_FINDING_LOST) {
		cr_json_id(line, "snapshot", &f->snapshot->id);
		cr_json_text(line, "source", f->snapshot->source);
		cr_json_time(line, "time", f->snapshot->head.time);
		cr_json_name(line, "path", f->path);
		cr_json_bool(line, "below", f->below);
	}
	cr_json_name(line, "why", piece(f->why));
	cr_say_json(out, line);
}

/* "why (object)", without repeating a name that stands in the sentence. */
static void say_why(struct cr_output *out, const struct cr_finding *f)
{
	if (f->object && !strstr(f->why, f->object))
		cr_say(out, "%s: ", f->object);
	cr_say_name(out, piece(f->why));
	cr_say(out, "\n");
}

static void say_finding(struct cr_output *out, const struct cr_finding *f)
{
	char stamp[CR_STAMP_LEN];

	cr_say(out, "%s", kinds[f->kind].text);
	if (f->kind == CR_FINDING_LOST) {
		cr_stamp(f->snapshot->head.time, stamp);
		cr_say(out, "%s %s@%s: ", cr_short_id(&f->snapshot->id).text,
		       f->snapshot->source, stamp);
		cr_say_name(out, f->path);
		cr_say(out, f->below ? "/ and all below it: " : ": ");
	}
	say_why(out, f);
}

static int found(void *arg, const struct cr_finding *f)
{
	struct verification *v = arg;

	cr_progress_clear(v->progress);
	json_finding(v->ctx->out, f);
	say_finding(v->ctx->out, f);
	return cr_output_check(v->ctx->out);
}

/* ---- The command ---------------------------------------------------------
 */

static int open_all(struct verification *v)
{
	struct cr_session *session = &v->session;
	int r;

	r = cr_session_open(v->ctx, session);
	if (r < 0)
		return r;
	if (!cr_keyring_reads(session->repo->keys->ring))
		return cr_fail(CR_ECAPABILITY,
			       "verify: a put key cannot read the repository");
	r = cr_session_state(session, false);
	if (r == 0)
		r = cr_session_reader(session);
	if (r < 0)
		return r;
	/* Not cr_session_snapshots(): what it warns of is reported here. */
	r = cr_snapshots_update(session->repo, session->state,
				&session->snapshots);
	return cr_min(r, 0);
}

static int choose(struct verification *v)
{
	int n = v->ctx->operands, r = 0;

	if (n == 0)
		return 0;
	v->chosen = calloc((size_t)n, sizeof(const struct cr_snapshot *));
	if (!v->chosen)
		return -ENOMEM;
	for (int i = 0; r == 0 && i < n; i++)
		r = cr_session_find(&v->session, v->ctx->operand[i],
				    &v->chosen[i]);
	return r;
}

static void json_totals(const struct verification *v)
{
	const struct cr_verify_totals *t = &v->totals;
	json_t *summary = v->ctx->out->summary;

	cr_json_u64(summary, "snapshots", atomic_load(&t->snapshots));
	cr_json_u64(summary, "objects", atomic_load(&t->objects));
	cr_json_u64(summary, "packs", atomic_load(&t->packs));
	cr_json_u64(summary, "chunks", atomic_load(&t->chunks));
	cr_json_u64(summary, "bytes", atomic_load(&t->bytes));
	cr_json_bool(summary, "read_data", v->options->read_data);
	cr_json_u64(summary, "damaged", atomic_load(&t->damaged));
	cr_json_u64(summary, "tampered", atomic_load(&t->tampered));
	cr_json_u64(summary, "lost", atomic_load(&t->lost));
}

static void say_count(struct cr_output *out, uint64_t n, const char *what)
{
	cr_tell(out, "%" PRIu64 " %s%s", n, what, n == 1 ? "" : "s");
}

static void say_totals(const struct verification *v)
{
	const struct cr_verify_totals *t = &v->totals;
	struct cr_output *out = v->ctx->out;
	unsigned long long damaged = atomic_load(&t->damaged);
	unsigned long long tampered = atomic_load(&t->tampered);

	say_count(out, atomic_load(&t->snapshots), "snapshot");
	cr_tell(out, ", ");
	say_count(out, atomic_load(&t->chunks), "chunk");
	cr_tell(out, ", ");
	say_count(out, atomic_load(&t->packs), "pack");
	cr_tell(out, ", ");
	say_count(out, atomic_load(&t->objects), "other object");
	cr_tell(out,
		"; %s read: ", cr_human_bytes(atomic_load(&t->bytes)).text);
	if (damaged == 0 && tampered == 0 && atomic_load(&t->lost) == 0) {
		cr_tell(out, "no damage found%s\n",
			v->options->read_data
				? ""
				: " (content is read with --read-data)");
		return;
	}
	cr_tell(out, "%llu damaged", damaged);
	if (tampered > 0)
		cr_tell(out, ", %llu contradictory", tampered);
	cr_tell(out, ", ");
	say_count(out, atomic_load(&t->lost), "path");
	cr_tell(out, " touched\n");
}

static void conclude(const struct verification *v)
{
	const struct cr_verify_totals *t = &v->totals;

	json_totals(v);
	say_totals(v);
	if (atomic_load(&t->damaged) > 0 || atomic_load(&t->lost) > 0)
		cr_context_raise(v->ctx, CR_EXIT_DAMAGE);
	if (atomic_load(&t->tampered) > 0)
		cr_context_raise(v->ctx, CR_EXIT_TAMPERED);
}

static int run(struct cr_context *ctx, void *arg)
{
	cr_cleanup(verification_release) struct verification v = {
		.ctx = ctx,
		.options = arg,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	struct cr_verify job = {
		.set = &v.session.snapshots,
		.snapshots = (size_t)ctx->operands,
		.read_data = v.options->read_data,
		.found = found,
		.at = note_at,
		.arg = &v,
		.totals = &v.totals,
	};
	int r;

	r = open_all(&v);
	if (r == 0)
		r = choose(&v);
	if (r < 0)
		return r;
	r = cr_progress_start(ctx->out->quiet, look, &v, &v.progress);
	if (r < 0)
		return r;
	job.reader = v.session.reader;
	job.snapshot = v.chosen;
	r = cr_verify(&job);
	cr_progress_stop(cr_take(v.progress));
	/* What was found counts, also where something else ended the work. */
	conclude(&v);
	return r;
}

static const struct cr_option table[] = {
	{ "read-data", 0, CR_OPTION_FLAG, NULL,
	  "read all content too: open every block, hash every chunk",
	  offsetof(struct options, read_data), 0, 0 },
};

const struct cr_command cr_command_verify = {
	.name = "verify",
	.help = "Check that everything can be restored",
	.more = "Checks keys, key lists, segments, manifests, packs and every "
		"directory, of all snapshots or those named, and says which "
		"paths of which snapshots each damage touches.  Exit status: "
		"0 no damage, 4 damage, 6 tampering.",
	.operands = "[SNAPSHOT...]",
	.example = "verify --read-data",
	CR_COMMAND_OPTIONS(table),
	.size = sizeof(struct options),
	.least = 0,
	.most = -1,
	.run = run,
};
