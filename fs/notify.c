/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/notify.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int cr_notify(const char *address, const char *text)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	cr_cleanup(cr_closep) int fd = -1;
	size_t len = address ? strlen(address) : 0;

	if (len == 0)
		return 0;
	if ((address[0] != '/' && address[0] != '@') || len < 2 ||
	    len >= sizeof(to.sun_path))
		return -EINVAL;
	memcpy(to.sun_path, address, len);
	/* An abstract name is what follows a NUL, and ends where it ends. */
	if (address[0] == '@')
		to.sun_path[0] = '\0';
	else
		len++;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL,
		   (const struct sockaddr *)&to,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) <
	    0)
		return -errno;
	return 0;
}
