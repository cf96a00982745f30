/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "fs/mountpoint.h"
#include "fs/part.h"
#include "store/base/error.h"
#include "store/codec/manifest.h"

#define CACHE_DEFAULT (256u << 20)
#define CACHE_MIN     (16u << 20)
#define THREADS_MAX   1024
#define HELP_COLUMN   32

enum kind { FLAG, TEXT, SIZE, NUMBER, CHOICE, DURATION };

static const struct row {
	const char *name;
	enum kind kind;
	size_t offset;
	const char *arg;
	const char *help;
} rows[] = {
#define AT(member) offsetof(struct cr_mount_options, member)
	{ "source", TEXT, AT(source), "NAME",
	  "only its snapshots, at the top" },
	{ "path", TEXT, AT(path), "PATH",
	  "only this directory of each snapshot" },
	{ "cache", SIZE, AT(cache_bytes), "SIZE",
	  "memory for all caches (256M)" },
	{ "state-dir", TEXT, AT(state_dir), "DIR",
	  "what this machine remembers" },
	{ "passphrase-file", TEXT, AT(passphrase_file), "FILE",
	  "read the passphrase from FILE" },
	{ "passphrase-fd", NUMBER, AT(passphrase_fd), "N",
	  "or from descriptor N" },
	{ "passphrase-command", TEXT, AT(passphrase_command), "CMD",
	  "or from what CMD prints" },
	{ "key-file", TEXT, AT(key_file), "FILE", "unlock with a key file" },
	{ "allow_other", FLAG, AT(allow_other), NULL,
	  "let others in, as modes and ACLs do" },
	{ "insecure_acl", FLAG, AT(insecure_acl), NULL,
	  "also where no ACL is enforced" },
	{ "owner", TEXT, AT(owner), "user|NAME|UID",
	  "show all as owned by this user" },
	{ "map", CHOICE, AT(map), "numeric|names",
	  "owners by number, or by name here" },
	{ "mode", CHOICE, AT(mode), "asis|private",
	  "modes, or nobody but you reads" },
	{ "symlinks", CHOICE, AT(symlinks), "asis|inside|hide",
	  "links, or led into the snapshot" },
	{ "special", CHOICE, AT(special), "show|hide",
	  "pipes, sockets and devices" },
	{ "sharedirs", FLAG, AT(sharedirs), NULL,
	  "one number for equal directories" },
	{ "nonempty", FLAG, AT(nonempty), NULL,
	  "mount over files that are there" },
	{ "noxattr", FLAG, AT(noxattr), NULL,
	  "promise that no snapshot has xattrs" },
	{ "noexec", FLAG, AT(noexec), NULL, "run no program from the mount" },
	{ "auto_unmount", FLAG, AT(auto_unmount), NULL,
	  "unmount even if all is killed at once" },
	{ "idle-timeout", DURATION, AT(idle_timeout), "TIME",
	  "unmount when unused that long: 10m, 2h" },
	{ "max_threads", NUMBER, AT(threads), "N",
	  "how many requests are served at once" },
#undef AT
};

/* What mount(8), fstab and mount.fuse3(8) add, and what is so anyway. */
static const char *const ignored[] = {
	"rw",	       "ro",	     "dev",	   "nodev",
	"suid",	       "nosuid",     "exec",	   "async",
	"sync",	       "dirsync",    "atime",	   "noatime",
	"diratime",    "nodiratime", "relatime",   "norelatime",
	"strictatime", "lazytime",   "nolazytime", "defaults",
	"auto",	       "noauto",     "user",	   "nouser",
	"users",       "owner",	     "group",	   "_netdev",
	"nofail",      "silent",     "loud",	   "default_permissions",
};

/* Their values do not matter either. */
static const char *const ignored_prefix[] = {
	"x-", "X-", "comment=", "user=", "uhelper=",
};

/* ---- Values ---- */

static int number(const char *text, unsigned long long *ret, const char **end)
{
	char *stop;

	if (*text < '0' || *text > '9')
		return -CR_EUSAGE;
	errno = 0;
	*ret = strtoull(text, &stop, 10);
	*end = stop;
	return errno ? -CR_EUSAGE : 0;
}

int cr_mount_size(const char *text, size_t *ret)
{
	static const char units[] = "KMGT";
	unsigned long long value;
	const char *end, *unit;
	uint64_t bytes;

	if (number(text, &value, &end) < 0)
		return -CR_EUSAGE;
	bytes = value;
	if (*end != '\0') {
		unit = strchr(units, *end >= 'a' ? *end - 'a' + 'A' : *end);
		if (!unit || end[1] != '\0')
			return -CR_EUSAGE;
		for (ptrdiff_t n = unit - units; n >= 0; n--)
			if (__builtin_mul_overflow(bytes, 1024u, &bytes))
				return -CR_EUSAGE;
	}
	*ret = bytes;
	return 0;
}

int cr_mount_duration(const char *text, uint64_t *ret)
{
	static const struct {
		char unit;
		unsigned int seconds;
	} units[] = { { '\0', 1 },
		      { 's', 1 },
		      { 'm', 60 },
		      { 'h', 3600 },
		      { 'd', 86400 } };
	unsigned long long value;
	const char *end;
	uint64_t seconds;

	if (number(text, &value, &end) < 0 || (*end != '\0' && end[1] != '\0'))
		return -CR_EUSAGE;
	for (size_t i = 0; i < CR_ARRAY_LEN(units); i++) {
		if (units[i].unit != *end)
			continue;
		if (__builtin_mul_overflow(value, units[i].seconds, &seconds))
			return -CR_EUSAGE;
		*ret = seconds;
		return 0;
	}
	return -CR_EUSAGE;
}

static int set_number(const char *name, const char *value, void *to)
{
	unsigned long long n;
	const char *end;

	if (number(value, &n, &end) < 0 || *end != '\0' || n > INT_MAX)
		return cr_fail(CR_EUSAGE, "%s=%s is not a number", name, value);
	/* An int or an unsigned int: it is in the bounds of both. */
	*(unsigned int *)to = (unsigned int)n;
	return 0;
}

static int set_text(const char *value, char **to)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

/* One of the words between "|"; @to is its place among them. */
static int set_choice(const struct row *row, const char *value,
		      unsigned int *to)
{
	size_t len = strlen(value);
	const char *word = row->arg;

	for (unsigned int n = 0;; n++) {
		const char *end = strchrnul(word, '|');

		if ((size_t)(end - word) == len &&
		    memcmp(word, value, len) == 0) {
			*to = n;
			return 0;
		}
		if (*end == '\0')
			return cr_fail(CR_EUSAGE, "%s=%s: it is one of %s",
				       row->name, value, row->arg);
		word = end + 1;
	}
}

static int set(const struct row *row, const char *value,
	       struct cr_mount_options *options)
{
	void *to = (char *)options + row->offset;

	if (!value && row->kind != FLAG)
		return cr_fail(CR_EUSAGE, "%s needs a value: %s=%s", row->name,
			       row->name, row->arg);
	switch (row->kind) {
	case FLAG:
		if (value)
			return cr_fail(CR_EUSAGE, "%s takes no value",
				       row->name);
		*(bool *)to = true;
		return 0;
	case TEXT:
		return set_text(value, to);
	case NUMBER:
		return set_number(row->name, value, to);
	case CHOICE:
		return set_choice(row, value, to);
	case DURATION:
		if (cr_mount_duration(value, to) < 0)
			return cr_fail(CR_EUSAGE,
				       "%s=%s is not a time, such as 10m",
				       row->name, value);
		return 0;
	case SIZE:
		break;
	}
	if (cr_mount_size(value, to) < 0)
		return cr_fail(CR_EUSAGE, "%s=%s is not a size, such as 256M",
			       row->name, value);
	return 0;
}

/* ---- -o ---- */

/* Equal but for "-" and "_"; the name at @text ends at @len. */
static bool is_name(const char *name, const char *text, size_t len)
{
	if (strlen(name) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] != text[i] &&
		    !(strchr("-_", name[i]) && strchr("-_", text[i])))
			return false;
	return true;
}

static bool is_ignored(const char *word)
{
	for (size_t i = 0; i < CR_ARRAY_LEN(ignored); i++)
		if (strcmp(ignored[i], word) == 0)
			return true;
	for (size_t i = 0; i < CR_ARRAY_LEN(ignored_prefix); i++)
		if (strncmp(ignored_prefix[i], word,
			    strlen(ignored_prefix[i])) == 0)
			return true;
	return false;
}

static int set_word(const char *word, struct cr_mount_options *options)
{
	const char *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : strlen(word);

	/* mount(8) says one of them always; of both the last counts. */
	if (strcmp(word, "rw") == 0 || strcmp(word, "ro") == 0)
		options->rw = word[1] == 'w';
	/* First: "owner" alone is a word of fstab. */
	if (len == 0 || is_ignored(word))
		return 0;
	for (size_t i = 0; i < CR_ARRAY_LEN(rows); i++)
		if (is_name(rows[i].name, word, len))
			return set(&rows[i], equals ? equals + 1 : NULL,
				   options);
	return cr_fail(CR_EUSAGE, "no mount option is called %s", word);
}

/* The byte of three octal digits at @text, or -1. */
static int octal(const char *text)
{
	if (text[0] < '0' || text[0] > '3' || text[1] < '0' || text[1] > '7' ||
	    text[2] < '0' || text[2] > '7')
		return -1;
	return (text[0] - '0') * 64 + (text[1] - '0') * 8 + (text[2] - '0');
}

/*
 * Words between commas, as libfuse reads them: a backslash takes the next
 * character as it is, and three octal digits as the byte they say.
 */
static int set_words(const char *text, struct cr_mount_options *options)
{
	cr_cleanup(cr_freep) char *word = malloc(strlen(text) + 1);
	size_t len = 0;
	int r = 0;

	if (!word)
		return -ENOMEM;
	for (; r == 0; text++) {
		if (*text == ',' || *text == '\0') {
			word[len] = '\0';
			len = 0;
			r = set_word(word, options);
			if (*text == '\0')
				break;
			continue;
		}
		word[len] = *text;
		if (*text == '\\' && text[1] != '\0') {
			int byte = octal(++text);

			if (byte == 0)
				r = cr_fail(CR_EUSAGE,
					    "-o: \\000 ends no option");
			word[len] = byte > 0 ? (char)byte : *text;
			text += byte > 0 ? 2 : 0;
		}
		len++;
	}
	return r;
}

/* ---- The command line ---- */

#define LONG_FIRST 256 /* above every letter: the row's number */

static int set_option(int c, struct cr_mount_options *options)
{
	switch (c) {
	case 'o':
		return set_words(optarg, options);
	case 'f':
		options->foreground = true;
		return 0;
	case 'd':
		options->debug = options->foreground = true;
		return 0;
	case 'h':
		options->action = CR_MOUNT_HELP;
		return 0;
	case 'V':
		options->action = CR_MOUNT_VERSION;
		return 0;
	default:
		return set(&rows[c - LONG_FIRST], optarg, options);
	}
}

/* The rows as getopt_long() wants them, with "-" and with "_". */
static void long_options(struct option *to, char (*name)[32])
{
	static const struct option fixed[] = {
		{ "foreground", no_argument, NULL, 'f' },
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
	};

	for (size_t i = 0; i < CR_ARRAY_LEN(rows); i++) {
		struct option option = {
			.name = rows[i].name,
			.has_arg = rows[i].kind == FLAG ? no_argument
							: required_argument,
			.val = LONG_FIRST + (int)i,
		};
		char from = strchr(rows[i].name, '_') ? '_' : '-';
		char *at = name[i];

		*to++ = option;
		for (const char *c = rows[i].name; *c; c++)
			*at++ = *c != from ? *c : from == '_' ? '-' : '_';
		*at = '\0';
		option.name = name[i];
		if (strcmp(name[i], rows[i].name) != 0)
			*to++ = option;
	}
	memcpy(to, fixed, sizeof(fixed));
	to[CR_ARRAY_LEN(fixed)] = (struct option){ 0 };
}

static int parse_argv(int argc, char **argv, struct cr_mount_options *options)
{
	struct option longs[2 * CR_ARRAY_LEN(rows) + 5];
	char names[CR_ARRAY_LEN(rows)][32];
	int c;

	long_options(longs, names);
	optind = 0; /* start anew, also where it was used before */
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":o:fdhV", longs, NULL)) != -1) {
		int r;

		if (c == ':' || c == '?') {
			const char *what = argv[optind - 1];

			return cr_fail(CR_EUSAGE, "%s: %s", what,
				       c == ':' ? "needs a value"
						: "no such option, or it takes "
						  "no value");
		}
		r = set_option(c, options);
		if (r < 0)
			return r;
	}
	return optind;
}

/* Make the path what part.h takes. */
static int take_path(struct cr_mount_options *options)
{
	char *path;
	int r = options->path ? cr_part_path(options->path, &path) : 0;

	if (!options->path || r < 0)
		return r;
	free(options->path);
	options->path = path;
	return 0;
}

/* What was given in vain, or twice. */
static int check(const struct cr_mount_options *options)
{
	int secrets = (options->passphrase_file != NULL) +
		      (options->passphrase_command != NULL) +
		      (options->passphrase_fd >= 0) +
		      (options->key_file != NULL);

	if (secrets > 1)
		return cr_fail(CR_EUSAGE,
			       "give one of passphrase-file, passphrase-fd, "
			       "passphrase-command and key-file");
	if (options->source &&
	    !cr_source_valid((struct cr_piece){ options->source,
						strlen(options->source) }))
		return cr_fail(CR_EUSAGE, "source=%s is no name of a source",
			       options->source);
	if (options->owner && options->owner[0] == '\0')
		return cr_fail(CR_EUSAGE, "owner= needs a user");
	if (options->insecure_acl && !options->allow_other)
		return cr_fail(CR_EUSAGE,
			       "insecure_acl is of no use without allow_other");
	if (options->map == CR_MAP_NAMES &&
	    (options->owner || options->mode == CR_MODE_PRIVATE))
		return cr_fail(CR_EUSAGE,
			       "owner= and mode=private show one owner: there "
			       "is nothing for map=names to do");
	if (options->cache_bytes < CACHE_MIN)
		return cr_fail(CR_EUSAGE, "cache= must be at least %uM",
			       CACHE_MIN >> 20);
	if (options->idle_timeout > 0 &&
	    cr_mountpoint_is_fd(options->mountpoint))
		return cr_fail(CR_EUSAGE,
			       "idle-timeout= needs a mountpoint that is not "
			       "mounted already");
	if (options->threads > THREADS_MAX)
		return cr_fail(CR_EUSAGE, "max_threads= is at most %d",
			       THREADS_MAX);
	return 0;
}

/* Only where nothing on the command line says how to unlock. */
static int take_environment(struct cr_mount_options *options)
{
	const char *key_file = getenv("CAPROCK_KEY_FILE");
	bool passphrase = options->passphrase_file ||
			  options->passphrase_command ||
			  options->passphrase_fd >= 0;

	if (!key_file || key_file[0] == '\0')
		return 0;
	/* `caprock mount` hands over what it took from there itself. */
	if (passphrase && options->key_file &&
	    strcmp(options->key_file, key_file) == 0) {
		free(options->key_file);
		options->key_file = NULL;
	}
	if (passphrase || options->key_file)
		return 0;
	return set_text(key_file, &options->key_file);
}

int cr_mount_options_parse(int argc, char **argv, struct cr_mount_options *ret)
{
	int r;

	*ret = (struct cr_mount_options){
		.passphrase_fd = -1,
		.cache_bytes = CACHE_DEFAULT,
	};
	r = parse_argv(argc, argv, ret);
	if (r < 0 || ret->action != CR_MOUNT_RUN)
		return cr_min(r, 0);
	if (argc - r != 2)
		return cr_fail(CR_EUSAGE,
			       argc - r < 2
				       ? "name a repository and a mountpoint"
				       : "too many arguments");
	ret->repository = argv[r];
	ret->mountpoint = argv[r + 1];
	r = take_environment(ret);
	if (r == 0)
		r = take_path(ret);
	return r < 0 ? r : check(ret);
}

void cr_mount_options_release(struct cr_mount_options *options)
{
	free(options->source);
	free(options->path);
	free(options->state_dir);
	free(options->passphrase_file);
	free(options->passphrase_command);
	free(options->key_file);
	free(options->owner);
	*options = (struct cr_mount_options){ 0 };
}

void cr_mount_help(FILE *to)
{
	(void)fputs("usage: caprockfs [OPTIONS] REPOSITORY MOUNTPOINT\n"
		    "\n"
		    "Show every snapshot of REPOSITORY as a directory below "
		    "MOUNTPOINT, read-only.\n"
		    "Unmount with umount, or fusermount3 -u.\n"
		    "\n"
		    "  -f, --foreground              do not detach\n"
		    "  -d, --debug                   the same, and print each "
		    "request\n"
		    "  -h, --help                    print this\n"
		    "  -V, --version                 print the version\n"
		    "\n"
		    "Mount options; each may also be written as --NAME or "
		    "--NAME=VALUE:\n"
		    "\n",
		    to);
	for (size_t i = 0; i < CR_ARRAY_LEN(rows); i++) {
		int len = fprintf(to, "  -o %s%s%s", rows[i].name,
				  rows[i].arg ? "=" : "",
				  rows[i].arg ? rows[i].arg : "");

		(void)fprintf(to, "%*s%s\n", cr_max(HELP_COLUMN - len, 2), "",
			      rows[i].help);
	}
	(void)fputs("\n"
		    "The passphrase is also taken from CAPROCK_PASSPHRASE, or "
		    "asked for; the name of\n"
		    "a key file from CAPROCK_KEY_FILE.  See caprockfs(8).\n",
		    to);
}
