/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/loop.h"

#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "tests/unit/kernel.h"
#include "tests/unit/said.h"

#define NEVER 3600000 /* ms */
#define SOON  50

/*
 * A lookup of "quick" is answered ENOENT; one of "hang" hangs until it is
 * released, and is answered EXDEV.
 */
struct world {
	struct cr_loop *loop;
	struct kernel kernel;
	pthread_t thread;
	sem_t hangs, released;
	atomic_uint left; /* hung, and need not be answered */
	int result;
};

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->max_read = KERNEL_MAX_READ;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct world *world = fuse_req_userdata(req);
	bool hang = strcmp(name, "hang") == 0;

	(void)parent;
	cr_loop_works(world->loop, req, (struct cr_asked){ "lookup", parent });
	if (hang) {
		assert_int_equal(sem_post(&world->hangs), 0);
		while (sem_wait(&world->released) < 0)
			;
	}
	if (cr_loop_answers(world->loop))
		fuse_reply_err(req, hang ? EXDEV : ENOENT);
	else
		(void)atomic_fetch_add(&world->left, 1);
}

static void *run(void *arg)
{
	struct world *world = arg;

	world->result = cr_loop_run(world->loop);
	return NULL;
}

static void world_init(struct world *world, unsigned int threads,
		       unsigned int replace, unsigned int answer)
{
	static const struct fuse_lowlevel_ops ops = { .init = op_init,
						      .lookup = op_lookup };
	struct cr_loop_options options = { NULL, threads, replace, answer };
	struct kernel_request hello;
	struct kernel_answer out;
	struct fuse_init_in in;

	memset(world, 0, sizeof(*world));
	kernel_init(&world->kernel, &ops, world);
	options.session = world->kernel.session;
	assert_int_equal(cr_loop_new(&options, &world->loop), 0);
	assert_int_equal(sem_init(&world->hangs, 0, 0), 0);
	assert_int_equal(sem_init(&world->released, 0, 0), 0);
	assert_int_equal(pthread_create(&world->thread, NULL, run, world), 0);
	hello = kernel_hello(0, &in);
	(void)kernel_send(&world->kernel, &hello);
	kernel_receive(&world->kernel, &out);
	assert_int_equal(out.head.error, 0);
}

/* It ends by itself. */
static void world_wait(struct world *world, int result)
{
	assert_int_equal(pthread_join(world->thread, NULL), 0);
	assert_int_equal(world->result, result);
	assert_int_equal(sem_destroy(&world->hangs), 0);
	assert_int_equal(sem_destroy(&world->released), 0);
	cr_loop_free(world->loop);
	kernel_release(&world->kernel);
}

static void world_release(struct world *world)
{
	cr_loop_end(world->loop);
	world_wait(world, 0);
}

static uint64_t send_lookup(struct world *world, const char *name)
{
	const struct kernel_request request = kernel_lookup(1, name);

	return kernel_send(&world->kernel, &request);
}

static uint64_t hang(struct world *world)
{
	uint64_t unique = send_lookup(world, "hang");

	while (sem_wait(&world->hangs) < 0)
		;
	return unique;
}

static void release(struct world *world)
{
	assert_int_equal(sem_post(&world->released), 0);
}

static uint64_t interrupt(struct world *world, uint64_t unique)
{
	const struct fuse_interrupt_in body = { unique };
	const struct kernel_request request = { FUSE_INTERRUPT, 0, &body,
						sizeof(body) };

	return kernel_send(&world->kernel, &request);
}

/* The next answer is that of @unique, and @error. */
static void expect(struct world *world, uint64_t unique, int error)
{
	struct kernel_answer out;

	kernel_receive(&world->kernel, &out);
	assert_int_equal(out.head.unique, unique);
	assert_int_equal(out.head.error, -error);
}

static void ask_quickly(struct world *world)
{
	expect(world, send_lookup(world, "quick"), ENOENT);
}

static unsigned int count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n - 2;
}

static void who_hangs_keeps_nobody_waiting(void **state)
{
	struct world world;
	uint64_t unique[5];

	(void)state;
	world_init(&world, 1, SOON, NEVER);
	for (size_t i = 0; i < CR_ARRAY_LEN(unique); i++) {
		unique[i] = hang(&world);
		ask_quickly(&world);
	}
	/* Whoever comes first. */
	for (size_t i = 0; i < CR_ARRAY_LEN(unique); i++) {
		struct kernel_answer out;
		size_t n = 0;

		release(&world);
		kernel_receive(&world.kernel, &out);
		assert_int_equal(out.head.error, -EXDEV);
		while (unique[n] != out.head.unique)
			assert_true(++n < CR_ARRAY_LEN(unique));
		unique[n] = 0;
	}
	ask_quickly(&world);
	world_release(&world);
}

static void threads_are_bounded_and_go_when_it_is_over(void **state)
{
	const unsigned int others = count_threads() + 1, threads = 2;
	const unsigned int most = threads + CR_LOOP_STUCK;
	struct world world;
	struct said said;
	char wait[64];

	(void)state;
	listen_begin(&said);
	world_init(&world, threads, SOON, NEVER);
	for (unsigned int i = 0; i < most; i++)
		(void)hang(&world);
	assert_int_equal(count_threads(), others + most);
	/* Which is said, once; and to who asks, how many hang. */
	(void)snprintf(wait, sizeof(wait), "storage: %u requests wait", most);
	while (listen_count(&said, wait) == 0) {
		(void)usleep(1000);
		cr_loop_log(world.loop);
	}
	assert_true(listen_count(&said, "lookup of node 1: ") >= most);
	assert_int_equal(listen_count(&said, "all who ask for more wait"), 1);
	/* Nobody is left who could take these; none gets lost. */
	for (unsigned int i = 0; i < 3; i++)
		(void)send_lookup(&world, "hang");
	for (unsigned int i = 0; i < most + 3; i++)
		release(&world);
	for (unsigned int i = 0; i < most + 3; i++) {
		struct kernel_answer out;

		kernel_receive(&world.kernel, &out);
		assert_int_equal(out.head.error, -EXDEV);
	}
	/* Those that were replaced while they hung have to end. */
	while (count_threads() > others + threads)
		ask_quickly(&world);
	assert_int_equal(count_threads(), others + threads);
	world_release(&world);
	(void)listen_end(&said);
}

static void who_is_interrupted_can_go(void **state)
{
	struct world world;
	uint64_t unique;

	(void)state;
	world_init(&world, 1, SOON, SOON);
	unique = hang(&world);
	(void)interrupt(&world, unique);
	expect(&world, unique, EINTR);
	ask_quickly(&world);
	/* And is not answered once more. */
	release(&world);
	while (atomic_load(&world.left) == 0)
		ask_quickly(&world);
	ask_quickly(&world);
	world_release(&world);
}

static void many_can_go(void **state)
{
	struct world world;
	uint64_t unique[10];

	(void)state;
	world_init(&world, 2, SOON, 0);
	for (size_t i = 0; i < CR_ARRAY_LEN(unique); i++) {
		unique[i] = hang(&world);
		/* So that one is there who takes the interrupt. */
		ask_quickly(&world);
		(void)interrupt(&world, unique[i]);
		expect(&world, unique[i], EINTR);
	}
	for (size_t i = 0; i < CR_ARRAY_LEN(unique); i++)
		release(&world);
	while (atomic_load(&world.left) < CR_ARRAY_LEN(unique))
		ask_quickly(&world);
	world_release(&world);
}

static void what_is_done_in_time_is_answered(void **state)
{
	struct world world;
	uint64_t unique;

	(void)state;
	world_init(&world, 2, NEVER, NEVER);
	unique = hang(&world);
	(void)interrupt(&world, unique);
	ask_quickly(&world);
	release(&world);
	expect(&world, unique, EXDEV);
	assert_int_equal(atomic_load(&world.left), 0);
	world_release(&world);
}

static void it_ends_with_the_mount(void **state)
{
	struct world world;

	(void)state;
	world_init(&world, 3, NEVER, NEVER);
	ask_quickly(&world);
	assert_int_equal(shutdown(world.kernel.end, SHUT_WR), 0);
	world_wait(&world, 0);
	/* And by what goes wrong, which is told. */
	world_init(&world, 3, NEVER, NEVER);
	assert_int_equal(send(world.kernel.end, "x", 1, 0), 1);
	world_wait(&world, -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_hangs_keeps_nobody_waiting),
		cmocka_unit_test(threads_are_bounded_and_go_when_it_is_over),
		cmocka_unit_test(who_is_interrupted_can_go),
		cmocka_unit_test(many_can_go),
		cmocka_unit_test(what_is_done_in_time_is_answered),
		cmocka_unit_test(it_ends_with_the_mount),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
