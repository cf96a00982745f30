/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench-readers - read one file by many threads at once: each its own part in
 * sequence, or 4 KiB here and there for a number of seconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE	    (128u << 10)
#define SMALL	    4096u
#define MAX_READERS 1024u

struct job {
	int fd;
	uint64_t size;
	unsigned int readers;
	double until; /* 0: to the end of the part */
};

struct reader {
	const struct job *job; /* borrowed */
	pthread_t thread;
	unsigned int number;
	uint64_t reads, bytes;
	int error;
};

static double now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static bool read_at(struct reader *r, void *into, size_t len, uint64_t at)
{
	ssize_t got = pread(r->job->fd, into, len, (off_t)at);

	if (got <= 0)
		r->error = got < 0 ? errno : EIO;
	else {
		r->reads++;
		r->bytes += (uint64_t)got;
	}
	return got > 0;
}

static void in_sequence(struct reader *r, void *into)
{
	uint64_t part = r->job->size / r->job->readers;
	uint64_t at = part * r->number;
	uint64_t end =
		r->number + 1 == r->job->readers ? r->job->size : at + part;

	while (at < end) {
		uint64_t before = r->bytes;
		size_t len = end - at < PIECE ? (size_t)(end - at) : PIECE;

		if (!read_at(r, into, len, at))
			return;
		at += r->bytes - before;
	}
}

static void here_and_there(struct reader *r, void *into)
{
	uint64_t random = 4096 + r->number;

	while (now() < r->job->until &&
	       read_at(r, into, SMALL,
		       next_random(&random) % (r->job->size / SMALL) * SMALL))
		;
}

static void *run(void *arg)
{
	struct reader *r = arg;
	void *into = malloc(PIECE);

	if (!into)
		r->error = ENOMEM;
	else if (r->job->until > 0)
		here_and_there(r, into);
	else
		in_sequence(r, into);
	free(into);
	return NULL;
}

static int work(struct job *job, double seconds)
{
	struct reader *reader = calloc(job->readers, sizeof(*reader));
	uint64_t reads = 0, bytes = 0;
	double begin = now();
	int error = reader ? 0 : ENOMEM;
	unsigned int started = 0;

	job->until = seconds > 0 ? begin + seconds : 0;
	for (; error == 0 && started < job->readers; started++) {
		reader[started].job = job;
		reader[started].number = started;
		error = pthread_create(&reader[started].thread, NULL, run,
				       &reader[started]);
		if (error != 0)
			break;
	}
	for (unsigned int i = 0; i < started; i++) {
		(void)pthread_join(reader[i].thread, NULL);
		reads += reader[i].reads;
		bytes += reader[i].bytes;
		if (reader[i].error != 0)
			error = reader[i].error;
	}
	free(reader);
	if (error != 0) {
		(void)fprintf(stderr, "bench-readers: %s\n", strerror(error));
		return 1;
	}
	(void)printf("{\"wall\": %.6f, \"reads\": %" PRIu64
		     ", \"bytes\": %" PRIu64 "}\n",
		     now() - begin, reads, bytes);
	return 0;
}

int main(int argc, char **argv)
{
	struct job job = { .fd = -1 };
	struct stat st;

	if (argc != 4 && argc != 5) {
		(void)fprintf(stderr,
			      "usage: bench-readers FILE READERS SECONDS "
			      "[plain]\n"
			      "SECONDS 0: in sequence, each a part; plain: no "
			      "read-ahead by the kernel\n");
		return 2;
	}
	job.fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (job.fd < 0 || fstat(job.fd, &st) < 0 || st.st_size < SMALL) {
		(void)fprintf(stderr, "bench-readers: %s: %s\n", argv[1],
			      strerror(errno));
		return 1;
	}
	if (argc == 5 && posix_fadvise(job.fd, 0, 0, POSIX_FADV_RANDOM) != 0)
		return 1;
	job.size = (uint64_t)st.st_size;
	job.readers = (unsigned int)strtoul(argv[2], NULL, 10);
	if (job.readers == 0 || job.readers > MAX_READERS)
		return 2;
	return work(&job, strtod(argv[3], NULL));
}
