/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel.h - the kernel's end of a FUSE session, for one test: requests go in
 * as bytes and answers come out.
 */
#ifndef TESTS_UNIT_KERNEL_H
#define TESTS_UNIT_KERNEL_H

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "store/base/util.h"
#include "tests/unit/unit.h"

/* What init() has to ask for, too. */
#define KERNEL_MAX_READ (1u << 20)

struct kernel {
	struct fuse_session *session;
	int end; /* ours; the session has the other */
	uint64_t unique;
};

struct kernel_answer {
	struct fuse_out_header head; /* .error is 0 or negative */
	uint8_t bytes[8192];
};

/* What has been unmounted looks so; a socket would only end. */
static inline ssize_t kernel_read(int fd, void *buf, size_t len, void *userdata)
{
	ssize_t n = recv(fd, buf, len, 0);

	(void)userdata;
	if (n != 0)
		return n;
	errno = ENODEV;
	return -1;
}

static inline ssize_t kernel_writev(int fd, struct iovec *iov, int count,
				    void *userdata)
{
	(void)userdata;
	return writev(fd, iov, count);
}

static inline void kernel_init(struct kernel *kernel,
			       const struct fuse_lowlevel_ops *ops,
			       void *userdata)
{
	static const struct fuse_custom_io io = { .writev = kernel_writev,
						  .read = kernel_read };
	char name[] = "unit", o[] = "-o", max_read[] = "max_read=1048576";
	char *argv[] = { name, o, max_read, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	int ends[2];

	*kernel = (struct kernel){ .unique = 2 };
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	kernel->end = ends[0];
	kernel->session = fuse_session_new(&args, ops, sizeof(*ops), userdata);
	assert_non_null(kernel->session);
	assert_int_equal(fuse_session_custom_io(kernel->session, &io, ends[1]),
			 0);
	fuse_opt_free_args(&args);
}

static inline void kernel_release(struct kernel *kernel)
{
	fuse_session_destroy(kernel->session);
	cr_closep(&kernel->end);
}

/* What a request is, with the bytes that follow its header. */
struct kernel_request {
	uint32_t opcode;
	uint64_t node;
	const void *body;
	size_t len;
};

/* Put it where the session reads; its number, which the answer will have. */
static inline uint64_t kernel_send(struct kernel *kernel,
				   const struct kernel_request *request)
{
	struct fuse_in_header head = {
		.len = (uint32_t)(sizeof(head) + request->len),
		.opcode = request->opcode,
		.unique = kernel->unique += 2,
		.nodeid = request->node,
	};
	struct iovec iov[] = {
		{ &head, sizeof(head) },
		{ (void *)(uintptr_t)request->body, request->len },
	};

	assert_int_equal(writev(kernel->end, iov, 2), head.len);
	return head.unique;
}

static inline void kernel_receive(struct kernel *kernel,
				  struct kernel_answer *ret)
{
	ssize_t n = recv(kernel->end, ret, sizeof(*ret), 0);

	assert_int_equal(n, ret->head.len);
}

/* Where no thread serves: do one request, and return its error. */
static inline int kernel_ask(struct kernel *kernel,
			     const struct kernel_request *request,
			     struct kernel_answer *ret)
{
	struct fuse_buf buf = { 0 };
	uint64_t unique = kernel_send(kernel, request);

	assert_true(fuse_session_receive_buf(kernel->session, &buf) > 0);
	fuse_session_process_buf(kernel->session, &buf);
	free(buf.mem);
	kernel_receive(kernel, ret);
	assert_int_equal(ret->head.unique, unique);
	return ret->head.error;
}

/* As a kernel that can do @flags of FUSE_INIT. */
static inline struct kernel_request kernel_hello(uint32_t flags,
						 struct fuse_init_in *body)
{
	*body = (struct fuse_init_in){
		.major = FUSE_KERNEL_VERSION,
		.minor = 31,
		.max_readahead = 1u << 20,
		.flags = flags,
	};
	return (struct kernel_request){ FUSE_INIT, 0, body, sizeof(*body) };
}

static inline struct kernel_request kernel_lookup(uint64_t parent,
						  const char *name)
{
	return (struct kernel_request){ FUSE_LOOKUP, parent, name,
					strlen(name) + 1 };
}

#endif
