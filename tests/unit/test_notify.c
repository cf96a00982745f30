/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/notify.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "store/base/util.h"
#include "tests/unit/folder.h"

/* A socket with the address @name, in which "@" stands for NUL. */
static int listen_at(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	size_t len = strlen(name);

	assert_true(fd >= 0);
	assert_true(len < sizeof(at.sun_path));
	memcpy(at.sun_path, name, len);
	if (*name == '@')
		at.sun_path[0] = '\0';
	assert_int_equal(
		bind(fd, (const struct sockaddr *)&at,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
		0);
	return fd;
}

static void assert_hears(const char *address)
{
	cr_cleanup(cr_closep) int fd = listen_at(address);
	char text[64] = "";

	assert_int_equal(cr_notify(address, "READY=1\nSTATUS=ok"), 0);
	assert_int_equal(recv(fd, text, sizeof(text), 0), 17);
	assert_memory_equal(text, "READY=1\nSTATUS=ok", 17);
}

static void a_socket_of_either_kind_hears_it(void **state)
{
	cr_cleanup(folder_release) struct folder folder;
	char name[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	(void)state;
	folder_init(&folder);
	assert_hears(folder_path(&folder, "socket").text);
	(void)snprintf(name, sizeof(name), "@caprock-unit-%d", (int)getpid());
	assert_hears(name);
}

static void without_an_address_nothing_is_sent(void **state)
{
	(void)state;
	assert_int_equal(cr_notify(NULL, "READY=1"), 0);
	assert_int_equal(cr_notify("", "READY=1"), 0);
}

static void what_is_no_address_is_refused(void **state)
{
	static char long_name[200];

	(void)state;
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[0] = '/';
	assert_int_equal(cr_notify("relative", "READY=1"), -EINVAL);
	assert_int_equal(cr_notify("vsock:2:1", "READY=1"), -EINVAL);
	assert_int_equal(cr_notify("@", "READY=1"), -EINVAL);
	assert_int_equal(cr_notify("/", "READY=1"), -EINVAL);
	assert_int_equal(cr_notify(long_name, "READY=1"), -EINVAL);
	assert_int_equal(cr_notify("/nonexistent/socket", "READY=1"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_of_either_kind_hears_it),
		cmocka_unit_test(without_an_address_nothing_is_sent),
		cmocka_unit_test(what_is_no_address_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
