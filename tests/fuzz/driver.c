/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * driver.c - replay a corpus through a fuzz target when no engine is linked.
 *
 * usage: fuzz_NAME FILE|FOLDER...
 *
 * Exit 0 when every input went through and there was at least one.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int replay(const char *path);

static int replay_file(const char *path, size_t len)
{
	/* Just as long as the input: AddressSanitizer guards its end. */
	uint8_t *data = malloc(len);
	FILE *file = fopen(path, "rb");
	int r = -1;

	if ((data || len == 0) && file && fread(data, 1, len, file) == len) {
		LLVMFuzzerTestOneInput(data, len);
		r = 1;
	} else {
		perror(path);
	}
	if (file)
		fclose(file);
	free(data);
	return r;
}

static int replay_folder(const char *path)
{
	struct dirent **names = NULL;
	int count = scandir(path, &names, NULL, alphasort);
	int done = 0;

	if (count < 0) {
		perror(path);
		return -1;
	}
	for (int i = 0; i < count; i++) {
		char child[PATH_MAX];
		int r = 0;

		snprintf(child, sizeof(child), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && done >= 0)
			r = replay(child);
		done = r < 0 ? -1 : done + r;
		free(names[i]);
	}
	free(names);
	return done;
}

/* The number of inputs replayed, or -1 after a message. */
static int replay(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		perror(path);
		return -1;
	}
	if (S_ISDIR(st.st_mode))
		return replay_folder(path);
	return replay_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
	int done = 0;

	for (int i = 1; i < argc; i++) {
		int r = replay(argv[i]);

		if (r < 0)
			return 1;
		done += r;
	}
	printf("%d inputs\n", done);
	return done == 0; /* an empty corpus tests nothing */
}
