/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blake2b_many.c - which message is in which lane.  A lane that is done takes
 * the next message; the longest come first, so that the lanes end together.
 */
#include <assert.h>
#include <string.h>

#include "store/base/util.h"
#include "store/codec/blake2b_impl.h"

#define SORTED 128 /* messages ordered by length at once */

/* With no more lanes than these at work, one after the other is faster. */
#define FEW 2

struct means {
	cr_blake2b_kernel *kernel;
	size_t lanes;
};

static const struct means all_means[CR_BLAKE2B_MEANS] = {
	[CR_BLAKE2B_PLAIN] = { cr_blake2b_plain, 1 },
#if CR_BLAKE2B_X86
	[CR_BLAKE2B_AVX2] = { cr_blake2b_avx2, 4 },
	[CR_BLAKE2B_AVX512] = { cr_blake2b_avx512, 8 },
#endif
};

/* A message on its way. */
struct lane {
	uint8_t *out;	     /* NULL: idle */
	const uint8_t *next; /* what is still to be taken, */
	size_t left;	     /* so many bytes, */
	bool keyed;	     /* after the block of the key, in @block */
	bool last;	     /* the block at hand ends it */
	uint8_t block[CR_BLAKE2B_BLOCK];
};

struct run {
	struct means means;
	const struct cr_blake2b_job *job;
	size_t jobs; /* not begun */
	uint8_t order[SORTED];
	size_t begun, ordered; /* so many are ordered, so many of them begun */
	size_t active;	       /* lanes at work */
	struct lane lane[CR_BLAKE2B_LANES_MAX];
	struct cr_blake2b_lanes state;
};

/* Order the next jobs by length, the longest first. */
static void sort(struct run *run)
{
	const struct cr_blake2b_job *job;

	run->job += run->ordered;
	run->ordered = cr_min(run->jobs, (size_t)SORTED);
	run->begun = 0;
	job = run->job;
	for (size_t i = 0; i < run->ordered; i++) {
		size_t at = i;

		for (; at > 0 && job[run->order[at - 1]].len < job[i].len; at--)
			run->order[at] = run->order[at - 1];
		run->order[at] = (uint8_t)i;
	}
}

static const struct cr_blake2b_job *next_job(struct run *run)
{
	if (run->begun == run->ordered)
		sort(run);
	run->jobs--;
	return &run->job[run->order[run->begun++]];
}

static void begin(struct run *run, size_t i)
{
	const struct cr_blake2b_job *job = next_job(run);
	struct cr_blake2b_lanes *state = &run->state;
	struct lane *lane = &run->lane[i];

	run->active++;
	lane->out = job->out;
	lane->next = job->bytes;
	lane->left = job->len;
	lane->keyed = job->key != NULL;
	for (size_t w = 0; w < 8; w++)
		state->h[w][i] = cr_blake2b_iv[w];
	/* RFC 7693, section 2.5; the salt, words 4 and 5, is zero. */
	state->h[0][i] ^= 0x01010000 ^ CR_BLAKE2B_LEN;
	if (job->key) {
		state->h[0][i] ^= CR_BLAKE2B_KEY_LEN << 8;
		memcpy(lane->block, job->key, CR_BLAKE2B_KEY_LEN);
		memset(lane->block + CR_BLAKE2B_KEY_LEN, 0,
		       sizeof(lane->block) - CR_BLAKE2B_KEY_LEN);
	}
	state->h[6][i] ^= cr_blake2b_word(job->personal);
	state->h[7][i] ^= cr_blake2b_word(job->personal + 8);
	state->t[i] = 0;
}

/* Point a lane to its next block or blocks: how many there are. */
static size_t point(struct run *run, size_t i)
{
	struct cr_blake2b_lanes *state = &run->state;
	struct lane *lane = &run->lane[i];

	state->f[i] = 0;
	state->at[i] = lane->block;
	lane->last = false;
	if (lane->keyed && lane->left > 0)
		return 1;
	if (!lane->keyed && lane->left > CR_BLAKE2B_BLOCK) {
		state->at[i] = lane->next;
		return (lane->left - 1) / CR_BLAKE2B_BLOCK;
	}
	if (!lane->keyed) {
		if (lane->left > 0)
			memcpy(lane->block, lane->next, lane->left);
		memset(lane->block + lane->left, 0,
		       sizeof(lane->block) - lane->left);
		/* The kernel counts a whole block. */
		state->t[i] += lane->left - CR_BLAKE2B_BLOCK;
	}
	state->f[i] = UINT64_MAX;
	lane->last = true;
	return 1;
}

static void finish(struct run *run, size_t i)
{
	struct lane *lane = &run->lane[i];

	for (size_t b = 0; b < CR_BLAKE2B_LEN; b++)
		lane->out[b] =
			(uint8_t)(run->state.h[b / 8][i] >> (8 * (b % 8)));
	lane->out = NULL;
	run->active--;
}

/* A step of every lane at work, as long as the shortest allows. */
static void step(struct run *run)
{
	struct cr_blake2b_lanes *state = &run->state;
	const uint8_t *some = NULL;
	size_t blocks = SIZE_MAX;

	for (size_t i = 0; i < run->means.lanes; i++) {
		if (!run->lane[i].out)
			continue;
		blocks = cr_min(blocks, point(run, i));
		some = state->at[i];
	}
	/* An idle lane reads what another does. */
	for (size_t i = 0; i < run->means.lanes; i++)
		if (!run->lane[i].out)
			state->at[i] = some;
	run->means.kernel(state, blocks);
	for (size_t i = 0; i < run->means.lanes; i++) {
		struct lane *lane = &run->lane[i];

		if (!lane->out)
			continue;
		if (lane->last) {
			finish(run, i);
		} else if (lane->keyed) {
			lane->keyed = false;
		} else {
			lane->next += blocks * CR_BLAKE2B_BLOCK;
			lane->left -= blocks * CR_BLAKE2B_BLOCK;
		}
	}
}

/* The messages that are left, one after the other. */
static void finish_plain(struct run *run)
{
	struct run one = { .means = all_means[CR_BLAKE2B_PLAIN] };

	for (size_t i = 0; i < run->means.lanes; i++) {
		if (!run->lane[i].out)
			continue;
		one.lane[0] = run->lane[i];
		run->lane[i].out = NULL;
		one.active = 1;
		for (size_t w = 0; w < 8; w++)
			one.state.h[w][0] = run->state.h[w][i];
		one.state.t[0] = run->state.t[i];
		while (one.active > 0)
			step(&one);
	}
	run->active = 0;
	explicit_bzero(&one, sizeof(one));
}

static void run_jobs(struct run *run)
{
	for (;;) {
		for (size_t i = 0; i < run->means.lanes && run->jobs > 0; i++)
			if (!run->lane[i].out)
				begin(run, i);
		if (run->means.lanes > 1 && run->active <= FEW)
			break;
		if (run->active == 0)
			return;
		step(run);
	}
	finish_plain(run);
}

void cr_blake2b_many_by(enum cr_blake2b_means means,
			const struct cr_blake2b_job *job, size_t n)
{
	struct run run = {
		.means = all_means[means],
		.job = job,
		.jobs = n,
	};

	assert(run.means.kernel);
	run_jobs(&run);
	/* It held the key, and the ends of the messages. */
	explicit_bzero(&run, sizeof(run));
}

bool cr_blake2b_usable(enum cr_blake2b_means means)
{
#if CR_BLAKE2B_X86
	if (means == CR_BLAKE2B_AVX2)
		return __builtin_cpu_supports("avx2");
	if (means == CR_BLAKE2B_AVX512)
		return __builtin_cpu_supports("avx512f");
#endif
	return means == CR_BLAKE2B_PLAIN;
}

void cr_blake2b_many(const struct cr_blake2b_job *job, size_t n)
{
	enum cr_blake2b_means means = CR_BLAKE2B_MEANS - 1;

	while (!cr_blake2b_usable(means))
		means--;
	cr_blake2b_many_by(means, job, n);
}
