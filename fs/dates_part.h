/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dates_part.h - inside the top level (dates.h): which snapshots are shown
 * where only a part of each is, which takes reading.
 *
 * Who holds the lock goes by what is known; when it meets a snapshot of which
 * that is not known it ends with a question, and begins anew once that was
 * answered without the lock.  So no more is read than the answer takes.
 */
#ifndef FS_DATES_PART_H
#define FS_DATES_PART_H

#include "fs/dates_view.h"

/* Of what a view knows. */
enum cr_dates_has {
	CR_DATES_UNKNOWN,
	CR_DATES_SHOWN, /* or it cannot be told: whoever looks is told so */
	CR_DATES_ABSENT,
};

/* The snapshot that has to be looked into; NULL: none. */
struct cr_dates_ask {
	const struct cr_snapshot *snapshot;
	uint32_t source;
};

/*
 * Locked.  Whether snapshot number @i of @view, one of @source, is shown;
 * false also when @ask was set.
 */
bool cr_dates_shown(const struct cr_dates *dates,
		    const struct cr_dates_view *view, uint32_t source, size_t i,
		    struct cr_dates_ask *ask);

/*
 * Locked.  Of what is linked the last snapshot of @source from number @first up
 * to before @end that is shown, or NULL; also when @ask was set.
 */
const struct cr_snapshot *cr_dates_last_shown(const struct cr_dates *dates,
					      uint32_t source, size_t first,
					      size_t end,
					      struct cr_dates_ask *ask);
/* The same, but what is dated ahead of its receipt only without another. */
const struct cr_snapshot *cr_dates_newest_shown(const struct cr_dates *dates,
						uint32_t source, size_t first,
						size_t end,
						struct cr_dates_ask *ask);

/* Not locked: look into the snapshot, and take note.  -ENOMEM, -EINTR. */
cr_must_check int cr_dates_answer(struct cr_dates *dates,
				  const struct cr_dates_ask *ask);

/* Not locked: @date as it is shown.  -ENOENT when it is not; as above. */
cr_must_check int cr_dates_part(const struct cr_dates *dates,
				struct cr_date *date);

/*
 * Leave of the @count snapshots in @snapshot those that are shown, as they are.
 * -ENOMEM, -EINTR.
 */
cr_must_check int cr_dates_parts(const struct cr_dates *dates,
				 const struct cr_snapshot **snapshot,
				 uint32_t *count);

#endif
