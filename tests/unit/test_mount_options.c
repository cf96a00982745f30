/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/options.h"

#include <stdlib.h>
#include <string.h>

#include "fs/part.h"
#include "store/base/error.h"
#include "tests/unit/unit.h"

#define WORDS_MAX 12

/* Parse @words, which end with NULL, as the arguments of a command. */
static int parse(const char *const *words, struct cr_mount_options *ret)
{
	static char copy[WORDS_MAX][128];
	char *argv[WORDS_MAX + 1] = { copy[0] };
	int argc = 1;

	memcpy(copy[0], "caprockfs", sizeof("caprockfs"));
	for (; words[argc - 1]; argc++) {
		assert_true(argc < WORDS_MAX);
		assert_true(strlen(words[argc - 1]) < sizeof(copy[0]));
		memcpy(copy[argc], words[argc - 1],
		       strlen(words[argc - 1]) + 1);
		argv[argc] = copy[argc];
	}
	return cr_mount_options_parse(argc, argv, ret);
}

static void nothing_is_asked_for_by_default(void **state)
{
	static const char *const words[] = { "repo", "mnt", NULL };
	cr_cleanup(cr_mount_options_release) struct cr_mount_options o;

	(void)state;
	assert_int_equal(parse(words, &o), 0);
	assert_int_equal(o.action, CR_MOUNT_RUN);
	assert_string_equal(o.repository, "repo");
	assert_string_equal(o.mountpoint, "mnt");
	assert_null(o.source);
	assert_null(o.path);
	assert_null(o.state_dir);
	assert_null(o.passphrase_file);
	assert_null(o.passphrase_command);
	assert_null(o.key_file);
	assert_int_equal(o.passphrase_fd, -1);
	assert_int_equal(o.cache_bytes, 256u << 20);
	assert_int_equal(o.threads, 0);
	assert_null(o.owner);
	assert_int_equal(o.map, CR_MAP_NUMERIC);
	assert_int_equal(o.mode, CR_MODE_ASIS);
	assert_int_equal(o.symlinks, CR_LINKS_ASIS);
	assert_int_equal(o.special, CR_SPECIAL_SHOW);
	assert_false(o.insecure_acl || o.sharedirs);
	assert_int_equal(o.idle_timeout, 0);
	assert_false(o.auto_unmount);
	assert_false(o.allow_other || o.nonempty || o.noxattr || o.noexec ||
		     o.foreground || o.debug);
}

/* As a person types it, as mount(8) and mount.fuse3(8) hand it over. */
static void the_order_does_not_matter(void **state)
{
	static const char *const cases[][WORDS_MAX] = {
		{ "-o", "source=a,cache=32M,allow_other", "repo", "mnt" },
		{ "repo", "mnt", "-o",
		  "rw,source=a,cache=32M,allow_other,dev,"
		  "suid" },
		{ "repo", "-osource=a", "mnt", "-o", "cache=32M", "-o",
		  "allow_other" },
		{ "--source", "a", "--cache=32M", "repo", "mnt",
		  "--allow_other" },
		{ "--source=a", "--cache", "33554432", "--allow-other", "--",
		  "repo", "mnt" },
		{ "-o", "source=b,source=a,cache=32768k", "-o", ",allow-other,",
		  "repo", "mnt" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_mount_options_release) struct cr_mount_options o;

		unit_case(cases[i][0]);
		assert_int_equal(parse(cases[i], &o), 0);
		assert_string_equal(o.source, "a");
		assert_int_equal(o.cache_bytes, 32u << 20);
		assert_true(o.allow_other);
		assert_string_equal(o.repository, "repo");
		assert_string_equal(o.mountpoint, "mnt");
	}
}

static void words_of_fstab_are_ignored(void **state)
{
	static const char *const words[] = {
		"repo",
		"mnt",
		"-o",
		"rw,ro,dev,nodev,suid,nosuid,exec,async,noatime,relatime",
		"-o",
		"_netdev,nofail,user=anna,x-systemd.automount,comment=c,auto",
		"-o",
		"noauto,x-systemd.idle-timeout=60,X-mount.mkdir,nouser",
		"-o",
		"defaults,default_permissions,owner,group",
		NULL,
	};
	cr_cleanup(cr_mount_options_release) struct cr_mount_options o;

	(void)state;
	assert_int_equal(parse(words, &o), 0);
	assert_false(o.allow_other);
	assert_null(o.owner);
}

/* Said twice, as mount(8) may, the last one counts. */
static void what_asks_for_writing_is_noticed(void **state)
{
	static const struct {
		const char *words;
		bool rw;
	} cases[] = {
		{ "rw", true },
		{ "ro", false },
		{ "noatime", false },
		{ "rw,noexec,dev,suid", true },
		{ "rw,source=a,ro", false },
		{ "ro,rw", true },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		const char *const words[] = { "repo", "mnt", "-o",
					      cases[i].words, NULL };
		cr_cleanup(cr_mount_options_release) struct cr_mount_options o;

		assert_int_equal(parse(words, &o), 0);
		assert_int_equal(o.rw, cases[i].rw);
	}
}

static void commas_in_values_are_escaped(void **state)
{
	static const char *const words[] = {
		"repo", "mnt",
		"-o",	"passphrase-file=/a\\,b\\\\c,state-dir=/s=t,noexec",
		NULL,
	};
	cr_cleanup(cr_mount_options_release) struct cr_mount_options o;

	(void)state;
	assert_int_equal(parse(words, &o), 0);
	assert_string_equal(o.passphrase_file, "/a,b\\c");
	assert_string_equal(o.state_dir, "/s=t");
	assert_true(o.noexec);
}

/* One slash before and after may be left out; bytes are what they are. */
static void a_path_has_one_spelling(void **state)
{
	static const struct {
		const char *words[3];
		const char *want;
	} cases[] = {
		{ { "--path", "a" }, "a" },
		{ { "-o", "path=/srv/my docs/" }, "srv/my docs" },
		{ { "-o", "path=srv/docs/,source=x" }, "srv/docs" },
		{ { "-o", "path=a,path=/b" }, "b" },
		{ { "--path=...", "-f" }, "..." },
		{ { "--path=a,b", "-f" }, "a,b" },
		{ { "--path=a\\054b", "-f" }, "a\\054b" },
		{ { "-o", "path=a\\,b" }, "a,b" },
		{ { "-o", "path=a\\\\b" }, "a\\b" },
		{ { "-o", "path=a\\054b\\134c" }, "a,b\\c" },
		{ { "-o", "path=\\3776\\08\\400" },
		  "\xff"
		  "60"
		  "8400" },
		{ { "-o", "path=\xfe/\xff" }, "\xfe/\xff" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		const char *const words[] = { "repo", "mnt", cases[i].words[0],
					      cases[i].words[1], NULL };
		cr_cleanup(cr_mount_options_release) struct cr_mount_options o;

		assert_int_equal(parse(words, &o), 0);
		assert_string_equal(o.path, cases[i].want);
	}
}

/* A name of 255 bytes may be there, none of 256. */
static void no_name_of_a_path_is_too_long(void **state)
{
	char text[258] = "";
	char *path = NULL;

	(void)state;
	memset(text, 'x', 255);
	assert_int_equal(cr_part_path(text, &path), 0);
	assert_string_equal(path, text);
	free(path);
	text[255] = 'x';
	assert_int_equal(cr_part_path(text, &path), -CR_EUSAGE);
}

static void bad_words_are_usage(void **state)
{
	static const char *const cases[][WORDS_MAX] = {
		{ NULL },
		{ "repo" },
		{ "repo", "mnt", "more" },
		{ "repo", "mnt", "-o" },
		{ "repo", "mnt", "-x" },
		{ "repo", "mnt", "--no-such" },
		{ "repo", "mnt", "-o", "no-such" },
		{ "repo", "mnt", "-o", "source" },
		{ "repo", "mnt", "-o", "source=" },
		{ "repo", "mnt", "-o", "source=.hidden" },
		{ "repo", "mnt", "-o", "source=a/b" },
		{ "repo", "mnt", "-o", "path" },
		{ "repo", "mnt", "-o", "path=" },
		{ "repo", "mnt", "-o", "path=/" },
		{ "repo", "mnt", "-o", "path=//" },
		{ "repo", "mnt", "-o", "path=//a" },
		{ "repo", "mnt", "-o", "path=a//" },
		{ "repo", "mnt", "-o", "path=a//b" },
		{ "repo", "mnt", "-o", "path=." },
		{ "repo", "mnt", "-o", "path=.." },
		{ "repo", "mnt", "-o", "path=a/../b" },
		{ "repo", "mnt", "-o", "path=a/./b" },
		{ "repo", "mnt", "-o", "path=a/.." },
		{ "repo", "mnt", "-o", "path=a\\000b" },
		{ "repo", "mnt", "-o", "path=\\057" },
		{ "repo", "mnt", "-o", "allow_other=yes" },
		{ "repo", "mnt", "-o", "insecure_acl" },
		{ "repo", "mnt", "-o", "owner=" },
		{ "repo", "mnt", "-o", "map" },
		{ "repo", "mnt", "-o", "map=" },
		{ "repo", "mnt", "-o", "map=name" },
		{ "repo", "mnt", "-o", "map=names2" },
		{ "repo", "mnt", "-o", "map=names|numeric" },
		{ "repo", "mnt", "-o", "mode=0700" },
		{ "repo", "mnt", "-o", "symlinks=outside" },
		{ "repo", "mnt", "-o", "special=no" },
		{ "repo", "mnt", "-o", "sharedirs=yes" },
		{ "repo", "mnt", "-o", "map=names,owner=user" },
		{ "repo", "mnt", "-o", "map=names,mode=private" },
		{ "repo", "mnt", "-o", "cache=" },
		{ "repo", "mnt", "-o", "cache=lots" },
		{ "repo", "mnt", "-o", "cache=1M" },
		{ "repo", "mnt", "-o", "cache=-64M" },
		{ "repo", "mnt", "-o", "cache=64MM" },
		{ "repo", "mnt", "-o", "cache=99999999999999999999" },
		{ "repo", "mnt", "-o", "cache=18446744073709551615T" },
		{ "repo", "mnt", "-o", "max_threads=many" },
		{ "repo", "mnt", "-o", "max_threads=1025" },
		{ "repo", "mnt", "-o", "idle-timeout=soon" },
		{ "repo", "mnt", "--idle-timeout" },
		{ "repo", "/dev/fd/3", "-o", "idle-timeout=10m" },
		{ "repo", "mnt", "-o", "auto_unmount=1" },
		{ "repo", "mnt", "-o", "passphrase-fd=-1" },
		{ "repo", "mnt", "-o", "passphrase-fd=3x" },
		{ "repo", "mnt", "-o", "passphrase-fd=4294967296" },
		{ "repo", "mnt", "-o", "passphrase-fd=3,key-file=k" },
		{ "repo", "mnt", "--passphrase-file=a", "--key-file=k" },
		{ "repo", "mnt", "--passphrase-file=a",
		  "--passphrase-command=c" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_mount_options_release) struct cr_mount_options o;
		size_t last = 0;

		while (cases[i][last] && cases[i][last + 1])
			last++;
		unit_case(cases[i][last] ? cases[i][last] : "nothing");
		cr_detail_clear();
		assert_int_equal(parse(cases[i], &o), -CR_EUSAGE);
		assert_true(cr_detail()[0] != '\0');
	}
}

static void help_and_version_need_nothing_else(void **state)
{
	static const char *const help[] = { "--help", NULL };
	static const char *const version[] = { "repo", "-V", NULL };
	cr_cleanup(cr_mount_options_release) struct cr_mount_options a, b;

	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	assert_int_equal(parse(help, &a), 0);
	assert_int_equal(a.action, CR_MOUNT_HELP);
	assert_int_equal(parse(version, &b), 0);
	assert_int_equal(b.action, CR_MOUNT_VERSION);
}

static void choices_are_words(void **state)
{
	static const struct {
		const char *words;
		unsigned int map, mode, symlinks, special;
	} cases[] = {
		{ "map=names", CR_MAP_NAMES, 0, 0, 0 },
		{ "map=names,map=numeric", CR_MAP_NUMERIC, 0, 0, 0 },
		{ "mode=private", 0, CR_MODE_PRIVATE, 0, 0 },
		{ "mode=asis", 0, CR_MODE_ASIS, 0, 0 },
		{ "symlinks=inside", 0, 0, CR_LINKS_INSIDE, 0 },
		{ "symlinks=hide", 0, 0, CR_LINKS_HIDE, 0 },
		{ "symlinks=asis,special=show", 0, 0, 0, 0 },
		{ "special=hide", 0, 0, 0, CR_SPECIAL_HIDE },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		const char *const words[] = { "repo", "mnt", "-o",
					      cases[i].words, NULL };
		cr_cleanup(cr_mount_options_release) struct cr_mount_options o;

		unit_case(cases[i].words);
		assert_int_equal(parse(words, &o), 0);
		assert_int_equal(o.map, cases[i].map);
		assert_int_equal(o.mode, cases[i].mode);
		assert_int_equal(o.symlinks, cases[i].symlinks);
		assert_int_equal(o.special, cases[i].special);
	}
}

static void debugging_stays_in_the_foreground(void **state)
{
	static const char *const words[] = { "-d", "repo", "mnt", NULL };
	cr_cleanup(cr_mount_options_release) struct cr_mount_options o;

	(void)state;
	assert_int_equal(parse(words, &o), 0);
	assert_true(o.debug && o.foreground);
}

static void a_key_file_may_come_from_the_environment(void **state)
{
	static const char *const none[] = { "repo", "mnt", NULL };
	static const char *const fd[] = { "repo", "mnt", "-o",
					  "passphrase-fd=3", NULL };
	/* What `caprock mount --passphrase-fd 3` hands over then. */
	static const char *const both[] = { "repo", "mnt", "-o",
					    "passphrase-fd=3,key-file=/env",
					    NULL };
	static const char *const other[] = { "repo", "mnt", "-o",
					     "key-file=/given", NULL };
	cr_cleanup(cr_mount_options_release) struct cr_mount_options o;

	(void)state;
	assert_int_equal(setenv("CAPROCK_KEY_FILE", "/env", 1), 0);
	assert_int_equal(parse(none, &o), 0);
	assert_string_equal(o.key_file, "/env");
	cr_mount_options_release(&o);
	assert_int_equal(parse(fd, &o), 0);
	assert_null(o.key_file);
	cr_mount_options_release(&o);
	assert_int_equal(parse(both, &o), 0);
	assert_null(o.key_file);
	assert_int_equal(o.passphrase_fd, 3);
	cr_mount_options_release(&o);
	assert_int_equal(parse(other, &o), 0);
	assert_string_equal(o.key_file, "/given");
	assert_int_equal(unsetenv("CAPROCK_KEY_FILE"), 0);
}

static void sizes_have_units(void **state)
{
	static const struct {
		const char *text;
		int want;
		uint64_t bytes;
	} cases[] = {
		{ "0", 0, 0 },
		{ "1", 0, 1 },
		{ "2K", 0, 2048 },
		{ "3m", 0, 3u << 20 },
		{ "4G", 0, 4ull << 30 },
		{ "5T", 0, 5ull << 40 },
		{ "", -CR_EUSAGE, 0 },
		{ " 1", -CR_EUSAGE, 0 },
		{ "+1", -CR_EUSAGE, 0 },
		{ "1B", -CR_EUSAGE, 0 },
		{ "1KB", -CR_EUSAGE, 0 },
		{ "1.5G", -CR_EUSAGE, 0 },
		{ "16777216T", -CR_EUSAGE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		size_t bytes = 0;

		unit_case(cases[i].text);
		assert_int_equal(cr_mount_size(cases[i].text, &bytes),
				 cases[i].want);
		assert_int_equal(bytes, cases[i].bytes);
	}
}

static void durations_have_units(void **state)
{
	static const struct {
		const char *text;
		int want;
		uint64_t seconds;
	} cases[] = {
		{ "0", 0, 0 },
		{ "90", 0, 90 },
		{ "90s", 0, 90 },
		{ "10m", 0, 600 },
		{ "2h", 0, 7200 },
		{ "7d", 0, 604800 },
		{ "", -CR_EUSAGE, 0 },
		{ "m", -CR_EUSAGE, 0 },
		{ "-1", -CR_EUSAGE, 0 },
		{ "1x", -CR_EUSAGE, 0 },
		{ "1ms", -CR_EUSAGE, 0 },
		{ "1h30m", -CR_EUSAGE, 0 },
		{ "18446744073709551615d", -CR_EUSAGE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		uint64_t seconds = 0;

		unit_case(cases[i].text);
		assert_int_equal(cr_mount_duration(cases[i].text, &seconds),
				 cases[i].want);
		assert_int_equal(seconds, cases[i].seconds);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_asked_for_by_default),
		cmocka_unit_test(the_order_does_not_matter),
		cmocka_unit_test(words_of_fstab_are_ignored),
		cmocka_unit_test(what_asks_for_writing_is_noticed),
		cmocka_unit_test(commas_in_values_are_escaped),
		cmocka_unit_test(a_path_has_one_spelling),
		cmocka_unit_test(no_name_of_a_path_is_too_long),
		cmocka_unit_test(bad_words_are_usage),
		cmocka_unit_test(help_and_version_need_nothing_else),
		cmocka_unit_test(choices_are_words),
		cmocka_unit_test(debugging_stays_in_the_foreground),
		cmocka_unit_test(a_key_file_may_come_from_the_environment),
		cmocka_unit_test(sizes_have_units),
		cmocka_unit_test(durations_have_units),
	};

	(void)unsetenv("CAPROCK_KEY_FILE");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
