/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/stream.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define STREAMS	  64	     /* files that are kept an eye on */
#define IN_ORDER  3	     /* requests in order make a stream */
#define OUT_OF	  (2u << 20) /* bytes by which requests pass each other */
#define DEPTH_MIN (1u << 20) /* bytes: what a block holds */
#define DEPTH_MAX (8u << 20)
#define RECENT	  4096 /* requests: who asked since then is there */

struct stream {
	uint64_t node;	/* 0: free */
	uint64_t used;	/* when, by the clock */
	uint64_t next;	/* where the furthest request ended */
	uint64_t given; /* up to where it was given out */
	uint64_t depth; /* bytes ahead of @next */
	uint32_t in_order;
};

struct cr_streams {
	pthread_mutex_t lock;
	uint64_t ahead_bytes;
	uint64_t clock; /* requests; under: lock, as below */
	struct stream stream[STREAMS];
};

int cr_streams_new(uint64_t ahead_bytes, struct cr_streams **ret)
{
	struct cr_streams *streams = calloc(1, sizeof(*streams));

	if (!streams)
		return -ENOMEM;
	(void)pthread_mutex_init(&streams->lock, NULL);
	streams->ahead_bytes = ahead_bytes;
	*ret = streams;
	return 0;
}

void cr_streams_free(struct cr_streams *streams)
{
	if (!streams)
		return;
	(void)pthread_mutex_destroy(&streams->lock);
	free(streams);
}

/* The one of @node; where there is none, in the place of the oldest. */
static struct stream *find(struct cr_streams *streams, uint64_t node)
{
	struct stream *oldest = &streams->stream[0];

	for (int i = 0; i < STREAMS; i++) {
		struct stream *stream = &streams->stream[i];

		if (stream->node == node)
			return stream;
		if (stream->used < oldest->used)
			oldest = stream;
	}
	*oldest = (struct stream){ .node = node };
	return oldest;
}

/* How many read in order at the time. */
static unsigned int active(const struct cr_streams *streams)
{
	unsigned int n = 0;

	for (int i = 0; i < STREAMS; i++)
		n += streams->stream[i].in_order >= IN_ORDER &&
		     streams->clock - streams->stream[i].used < RECENT;
	return cr_max(n, 1u);
}

/* Whether @at is before @end, or not far behind. */
static bool is_near(uint64_t at, uint64_t end)
{
	return at <= end || at - end <= OUT_OF;
}

static void note(struct stream *stream, const struct cr_stretch *asked)
{
	uint64_t end = asked->offset + asked->len;

	if (stream->in_order > 0 && is_near(asked->offset, stream->next) &&
	    is_near(stream->next, end)) {
		stream->in_order += end > stream->next;
		stream->next = cr_max(stream->next, end);
		return;
	}
	stream->in_order = 1;
	stream->next = stream->given = end;
	stream->depth = DEPTH_MIN;
}

bool cr_streams_ask(struct cr_streams *streams, const struct cr_stretch *asked,
		    uint64_t size, struct cr_stretch *ret)
{
	struct stream *stream;
	uint64_t depth, from, to;
	bool give = false;

	if (asked->len > size || asked->offset > size - asked->len)
		return false;
	(void)pthread_mutex_lock(&streams->lock);
	stream = find(streams, asked->node);
	stream->used = ++streams->clock;
	note(stream, asked);
	from = cr_max(stream->given, stream->next);
	depth = cr_min(stream->depth, streams->ahead_bytes / active(streams));
	to = stream->next + cr_min(depth, size - stream->next);
	/* In pieces of half of it, so that there are some under way. */
	if (stream->in_order >= IN_ORDER && to > from &&
	    (to - from >= depth / 2 || to == size)) {
		*ret = (struct cr_stretch){ asked->node, from, to - from };
		stream->given = to;
		stream->depth = cr_min(2 * stream->depth, (uint64_t)DEPTH_MAX);
		give = true;
	}
	(void)pthread_mutex_unlock(&streams->lock);
	return give;
}
