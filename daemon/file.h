/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads a regular file whole. @data is NUL-terminated behind @size bytes and the caller's to free.
 * -EFBIG above @limit bytes, -ENOTTY where it is no regular file; never blocks on a FIFO. */
int file_read(int dirfd, const char *name, size_t limit, char **ret_data, size_t *ret_size);

/* How the name of the temporary file ends that a death in the middle of file_write() leaves; it begins with a dot. */
#define FILE_UNFINISHED ".new"

/* Replaces a file at once: temporary file, fsync, rename, fsync of the folder; whatever the umask, it gets @mode. After
 * a crash it has the old or the new content. */
int file_write(int dirfd, const char *name, mode_t mode, const char *data, size_t size);

/* Removes a file; one that is absent is no error. */
int file_remove(int dirfd, const char *name);

/* Whose configuration may be besides root's: nobody's; a uid is another answer. Who only looks at a draft takes
 * anybody's. */
#define FILE_NOBODY_ELSE ((uid_t) 0)
#define FILE_ANYBODY ((uid_t) -1)

/* Whether a folder may hold configuration: root's, or @also's, and nobody else writes it. 1 when it may, 0 where there
 * is none, -EPERM where it may not. */
int file_check_folder(const char *path, uid_t also);

/* Reads a configuration file that only root, or @also, may have written, at most @limit bytes. -EPERM where it is
 * somebody else's or others may write it, or where a symbolic link leads through a folder like that; -ENOTTY where it
 * is no regular file; -EFBIG above @limit; -ENODATA where it is masked (empty, or a link to /dev/null). */
int file_read_trusted(const char *path, uid_t also, size_t limit, char **ret_data, size_t *ret_size);
