/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/io.h"
#include "store/base/passphrase.h"

/*
 * While the echo is off the signals that would end or stop us are blocked and
 * awaited beside the terminal: so it is put right before they take effect, with
 * no handler and no global.
 */
struct tty {
	int fd;
	int signal_fd;
	struct termios before;
	sigset_t signals;
	sigset_t old_mask;
};

/* Those of them that are not ignored: nohup means what it says. */
static void choose_signals(sigset_t *set)
{
	static const int all[] = { SIGINT,  SIGTERM, SIGHUP,
				   SIGQUIT, SIGTSTP, SIGALRM };

	(void)sigemptyset(set);
	for (size_t i = 0; i < CR_ARRAY_LEN(all); i++) {
		struct sigaction act;

		if (sigaction(all[i], NULL, &act) == 0 &&
		    act.sa_handler != SIG_IGN)
			(void)sigaddset(set, all[i]);
	}
}

static int quieten(struct tty *tty)
{
	struct termios quiet;

	if (tcgetattr(tty->fd, &tty->before) < 0)
		return -errno;
	choose_signals(&tty->signals);
	tty->signal_fd = signalfd(-1, &tty->signals, SFD_CLOEXEC);
	if (tty->signal_fd < 0)
		return -errno;
	(void)pthread_sigmask(SIG_BLOCK, &tty->signals, &tty->old_mask);
	quiet = tty->before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	quiet.c_lflag |= ICANON | ISIG;
	(void)tcsetattr(tty->fd, TCSAFLUSH, &quiet);
	return 0;
}

/* Whether the signal that waits is only "stop until continued". */
static bool is_stop(const struct tty *tty)
{
	sigset_t pending;

	(void)sigpending(&pending);
	return sigismember(&tty->signals, SIGTSTP) == 1 &&
	       sigismember(&pending, SIGTSTP) == 1;
}

/* Pending signals take effect in here, after the terminal is right again. */
static void restore(struct tty *tty)
{
	(void)tcsetattr(tty->fd, TCSAFLUSH, &tty->before);
	(void)!write(tty->fd, "\n", 1);
	cr_closep(&tty->signal_fd);
	(void)pthread_sigmask(SIG_SETMASK, &tty->old_mask, NULL);
}

/* 1 when a line was read, 0 when a signal is pending. */
static int read_line(const struct tty *tty, struct cr_secret *secret)
{
	struct pollfd fds[] = {
		{ .fd = tty->fd, .events = POLLIN },
		{ .fd = tty->signal_fd, .events = POLLIN },
	};
	ssize_t n;

	secret->len = 0;
	for (;;) {
		if (poll(fds, CR_ARRAY_LEN(fds), -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (fds[1].revents)
			return 0;
		n = read(tty->fd, secret->bytes + secret->len, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return -errno;
		if (n == 0 || secret->bytes[secret->len] == '\n')
			return 1;
		/* What is too long is read to its end and refused whole. */
		if (secret->len <= CR_PASSPHRASE_MAX)
			secret->len++;
	}
}

/* One question; asked again when we were stopped and continued. */
static int ask(int fd, const char *prompt, struct cr_secret *secret)
{
	for (;;) {
		struct tty tty = { .fd = fd, .signal_fd = -1 };
		bool stopped;
		int r = quieten(&tty);

		if (r < 0)
			return r;
		r = cr_io_write(fd, prompt, strlen(prompt));
		if (r == 0)
			r = read_line(&tty, secret);
		stopped = r == 0 && is_stop(&tty);
		restore(&tty);
		if (r == 0 && !stopped)
			return cr_fail(CR_EINTERRUPT,
				       "interrupted at the passphrase");
		if (r != 0)
			return cr_min(r, 0);
	}
}

static int check(const struct cr_secret *secret)
{
	if (secret->len == 0)
		return cr_fail(CR_EUSAGE, "the passphrase is empty");
	if (secret->len > CR_PASSPHRASE_MAX)
		return cr_fail(CR_EUSAGE,
			       "the passphrase is longer than %d bytes",
			       CR_PASSPHRASE_MAX);
	if (memchr(secret->bytes, '\0', secret->len))
		return cr_fail(CR_EUSAGE,
			       "the passphrase has a zero byte in it");
	return 0;
}

static int ask_again(int fd, const struct cr_secret *first)
{
	cr_cleanup(cr_secret_release) struct cr_secret second = { 0 };
	int r;

	second.bytes = cr_secret_alloc(CR_PASSPHRASE_MAX + 2);
	if (!second.bytes)
		return -ENOMEM;
	r = ask(fd, "The same again: ", &second);
	if (r < 0)
		return r;
	if (first->len != second.len ||
	    !cr_secret_equal(first->bytes, second.bytes, first->len))
		return cr_fail(CR_EUSAGE, "the two passphrases differ");
	return 0;
}

int cr_passphrase_ask(const char *prompt, bool twice, struct cr_secret *ret)
{
	cr_cleanup(cr_secret_release) struct cr_secret secret = { 0 };
	cr_cleanup(cr_closep) int fd = -1;
	int r;

	fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return cr_fail(ENXIO, "no terminal to ask for a passphrase; "
				      "give --passphrase-file or another "
				      "source");
	secret.bytes = cr_secret_alloc(CR_PASSPHRASE_MAX + 2);
	if (!secret.bytes)
		return -ENOMEM;
	r = ask(fd, prompt, &secret);
	if (r == 0)
		r = check(&secret);
	if (r == 0 && twice)
		r = ask_again(fd, &secret);
	if (r < 0)
		return r;
	*ret = cr_take(secret);
	return 0;
}
