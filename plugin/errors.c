/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors to text and exit code, in one table.
 *
 * A template may hold %s (the subject), %n (the service), %e (the errno's text), %t (the timeout),
 * %h (the hint's name), %l (why nobody can be reached at the subject), and, as a shell takes them,
 * %p (the source) and %m (the target), or PATH. All that stems from a stranger is escaped here.
 */
#include "errors.h"

#include <stdio.h>
#include <string.h>

#include "svc.h"

#define UNIT "fuse-svc-%n"

static const struct {
	uint32_t code;
	int excode;
	const char *text;
} errors[] = {
	{ FUSESVC_E_SYSTEM, MNT_EX_FAIL, "service \"%n\": %s: %e" },
	{ FUSESVC_E_NOSERVICE, MNT_EX_FAIL, "service \"%n\": not available (%l)" },
	{ FUSESVC_E_TIMEOUT, MNT_EX_FAIL,
	  "service \"%n\": said nothing for %t seconds (svc-timeout=SECONDS waits longer)" },
	{ FUSESVC_E_CLOSED, MNT_EX_FAIL, "service \"%n\": ended before the file system was up" },
	{ FUSESVC_E_PROTOCOL, MNT_EX_FAIL, "service \"%n\": broke the protocol (%s)" },
	{ FUSESVC_E_VERSION, MNT_EX_FAIL,
	  "service \"%n\": speaks another version of the protocol" },
	{ FUSESVC_E_FLOOD, MNT_EX_FAIL, "service \"%n\": sent too many requests" },
	{ FUSESVC_E_GOODBYE, MNT_EX_FAIL, "service \"%n\": gave up without saying why" },
	{ FUSESVC_E_NOMOUNT, MNT_EX_FAIL, "service \"%n\": ended without mounting" },
	{ FUSESVC_E_ABORTED, MNT_EX_FAIL, "service \"%n\": stopped: %e" },

	{ SVC_E_OPTIONS, MNT_EX_USAGE,
	  "malformed options \"%s\": a quote is open, or a name is missing before \"=\"" },
	{ SVC_E_OPTION_UNKNOWN, MNT_EX_USAGE,
	  "unknown option \"%s\" (there are svc=, svc-timeout=, svc-suid, svc-dev, svc-noblk)" },
	{ SVC_E_OPTION_FLAG, MNT_EX_USAGE, "option \"%s\" takes no value" },
	{ SVC_E_OPTION_TIMEOUT, MNT_EX_USAGE,
	  "option \"%s\" takes whole seconds, up to 31536000, or 0 to wait for ever: "
	  "svc-timeout=300" },
	{ SVC_E_OPTION_NAME, MNT_EX_USAGE,
	  "option \"%s\" takes the name of a service, such as svc=archive" },
	{ SVC_E_OPERATION, MNT_EX_USAGE, "%s: not supported for a contained service" },
	{ SVC_E_ROOT_ONLY, MNT_EX_USAGE, "%s: only root may do that" },
	{ SVC_E_NOT_ROOT, MNT_EX_USAGE,
	  "must be root to mount; root can let others: chmod u+s " MOUNT_HELPER_DIR
	  "/mount.fuse.svc, see mount.fuse.svc(8)" },
	{ SVC_E_FUSE_CONF, MNT_EX_USAGE,
	  "%s: unknown, malformed or repeated; only user_allow_other and mount_max = NUMBER may be "
	  "there, once each; until then only root can mount" },
	{ SVC_E_FUSE_CONF_FILE, MNT_EX_USAGE,
	  "%s: not a small regular file that only root may write to (chmod go-w); until then only "
	  "root can mount" },
	{ SVC_E_FUSE_CONF_READ, MNT_EX_USAGE, "%s: %e" },
	{ SVC_E_MOUNT_MAX, MNT_EX_USAGE,
	  "there are too many FUSE mounts: mount_max is %s; unmount one, or root can raise "
	  "it in " SVC_FUSE_CONF },
	{ SVC_E_TYPE, MNT_EX_USAGE,
	  "type \"%s\" is not fuse.svc, fuse.svc.NAME or fuseblk.svc.NAME" },
	{ SVC_E_NAME, MNT_EX_USAGE, "\"%s\" cannot be the name of a service" },
	{ SVC_E_TWO_NAMES, MNT_EX_USAGE, "svc=%s contradicts the type" },
	{ SVC_E_NO_NAME, MNT_EX_USAGE,
	  "which service? use -t fuse.svc.NAME or -o svc=NAME, as there is no source to look at; "
	  "\"fuse-svc list\" shows all" },

	{ SVC_E_SERVICE_ACCESS, MNT_EX_USAGE, "you may not use service \"%n\" (%s: %e)" },
	{ SVC_E_GUESSED_SERVICE, MNT_EX_FAIL,
	  "the source is of type \"%n\", but service \"%n\" is not available (%l)" },
	{ SVC_E_SOURCE, MNT_EX_FAIL, "%s: cannot open the source: %e" },
	{ SVC_E_SOURCE_TAG, MNT_EX_USAGE, "%s: only root may name a source so; use its path" },
	{ SVC_E_UNKNOWN_TYPE, MNT_EX_FAIL, "%s: file system type not recognized" },
	{ SVC_E_AMBIVALENT, MNT_EX_FAIL,
	  "%s: more than one file system type recognized; use -t fuse.svc.NAME or -o svc=NAME" },
	{ SVC_E_TARGET, MNT_EX_FAIL, "cannot use the mount point: %e" },
	{ SVC_E_TARGET_IS_FILE, MNT_EX_FAIL,
	  "the mount point is a file, but service \"%n\" mounts on a directory" },
	{ SVC_E_TARGET_IS_DIRECTORY, MNT_EX_FAIL,
	  "the mount point is a directory, but service \"%n\" mounts on a file" },
	{ SVC_E_BUSY, MNT_EX_FAIL, "%s is already mounted here; to mount it anew: umount %m" },
	{ SVC_E_TARGET_CHANGED, MNT_EX_FAIL, "the mount point changed during the mount" },
	{ SVC_E_TARGET_FILESYSTEM, MNT_EX_USAGE,
	  "only root may mount over a file system of this kind (%s); use a directory of your own" },
	{ SVC_E_TARGET_ACCESS, MNT_EX_USAGE,
	  "you may not write to the mount point: %e; use a directory of your own" },
	{ SVC_E_TARGET_STICKY, MNT_EX_USAGE,
	  "the mount point is a sticky directory of somebody else's; use a directory of your own" },
	{ SVC_E_FUSEDEV, MNT_EX_FAIL, "cannot open /dev/fuse: %e" },
	{ SVC_E_FUSEDEV_RIGHTS, MNT_EX_USAGE,
	  "you may not open /dev/fuse (%e); root can let users do so: chmod 666 /dev/fuse" },

	{ SVC_E_ASKED_PATH, MNT_EX_FAIL,
	  "service \"%n\": asked for \"%s\", which was not named to it" },
	{ SVC_E_ASKED_SOURCE, MNT_EX_FAIL,
	  "service \"%n\" wants a source, and none was named; put it before the mount point" },
	{ SVC_E_ASKED_OPEN_FLAGS, MNT_EX_FAIL,
	  "service \"%n\": asked to open \"%s\" in a way that is not allowed" },
	{ SVC_E_ASKED_WRITE, MNT_EX_FAIL,
	  "service \"%n\": asked to write to \"%s\", but the mount is read-only" },
	{ SVC_E_ASKED_FORMAT, MNT_EX_FAIL,
	  "%s: neither a regular file nor a block device, which a source must be" },
	{ SVC_E_ASKED_BDEV, MNT_EX_FAIL, "%s: not a block device" },
	{ SVC_E_OPEN_FAILED, MNT_EX_FAIL, "%s: cannot open: %e" },
	{ SVC_E_ASKED_BLOCK_SIZE, MNT_EX_FAIL,
	  "service \"%n\": asked for a block size that \"%s\" cannot get: %e" },
	{ SVC_E_ASKED_TARGET, MNT_EX_FAIL, "service \"%n\": asked to mount on \"%s\"" },
	{ SVC_E_ASKED_FUSEBLK, MNT_EX_FAIL,
	  "service \"%n\": asked for a fuseblk mount, which needs root and a block device" },
	{ SVC_E_ASKED_OPTION, MNT_EX_FAIL,
	  "service \"%n\": asked for the mount option \"%s\", which it may not have" },
	{ SVC_E_ASKED_ALLOW_OTHER, MNT_EX_USAGE,
	  "allow_other: only root may do that, unless he lets users: "
	  "echo user_allow_other >>" SVC_FUSE_CONF },
	{ SVC_E_ASKED_MS_FLAGS, MNT_EX_FAIL,
	  "service \"%n\": asked for mount flags %s, which it may not have" },

	{ SVC_E_MOUNT, MNT_EX_FAIL, "mount failed: %e" },
	{ SVC_E_DEVICE_BUSY, MNT_EX_FAIL,
	  "%s is mounted already, or in use by something else; lsblk %p" },
	{ SVC_E_UNDO, MNT_EX_FAIL,
	  "the mount failed halfway and could not be undone: %e; umount it" },
	{ SVC_E_NOT_MOUNTED, MNT_EX_USAGE, "remount: %s is not mounted here" },
	{ SVC_E_STUCK_READ_ONLY, MNT_EX_FAIL,
	  "remount: the service cannot write, as it got the source read-only; unmount it, and "
	  "mount it without \"ro\", from a source that can be written to" },
	{ SVC_E_REMOUNT, MNT_EX_FAIL, "remount failed: %e" },
	{ SVC_E_REMOUNT_BUSY, MNT_EX_FAIL,
	  "remount failed: files are open for writing; see fuser(1) -m, lsof(8)" },
	{ SVC_E_UTAB, MNT_EX_FILEIO, "mounted, but could not be noted in utab: %e" },
	{ SVC_E_CHILD, MNT_EX_SYSERR, "%s: %e" },
	{ SVC_E_CHILD_CRASHED, MNT_EX_SOFTWARE,
	  "the process that talks to the service crashed (%s)" },
	{ SVC_E_CHILD_STOPPED, MNT_EX_FAIL,
	  "the process that talks to the service was stopped for %t seconds" },
	{ SVC_E_CHILD_STUCK, MNT_EX_FAIL,
	  "the source or the mount point lies on a file system that does not answer" },
	{ SVC_E_INTERRUPTED, MNT_EX_USER, "interrupted" },
	{ SVC_E_REQUEST, MNT_EX_SOFTWARE,
	  "malformed request of the process that talks to the service" },
};

static const struct {
	uint32_t code;
	const char *text;
} hints[] = {
	{ SVC_HINT_NEAR, "did you mean \"%h\"? \"fuse-svc list\" shows all" },
	{ SVC_HINT_ENABLE, "systemctl enable --now " UNIT ".socket" },
	{ SVC_HINT_DOCTOR, "fuse-svc doctor %n" },
	{ SVC_HINT_NO_UNIT,
	  "there is no unit " UNIT ".socket; \"fuse-svc list\" shows all services" },
	{ SVC_HINT_LISTEN,
	  "scripts/activate lets it listen, \"fuse-svc list\" shows all services" },
	{ SVC_HINT_SOCKET_MODE, "root can let users: chmod 222 %s, and for good SocketMode=0222 by "
				"systemctl edit " UNIT ".socket" },
	{ SVC_HINT_ACTIVATE_MODE,
	  "root can let users: chmod 222 %s, and for good scripts/activate -m 0222" },
	{ SVC_HINT_JOURNAL, "journalctl -u '" UNIT "@*'; fuse-svc doctor %n" },
	{ SVC_HINT_LOG, "its log is where scripts/activate was started, or in its -l FILE" },
	{ SVC_HINT_NAME_IT,
	  "use -t fuse.svc.NAME or -o svc=NAME, \"fuse-svc list\" shows all services" },
	{ SVC_HINT_TYPE, "the source looks like \"%h\": -t fuse.svc.%h" },
	{ SVC_HINT_NO_FILESYSTEM, "the source is \"%h\", which is no file system" },
	{ SVC_HINT_ENCRYPTED,
	  "the source is encrypted: cryptsetup open %p NAME, then mount /dev/mapper/NAME" },
	{ SVC_HINT_DISK,
	  "the source is a whole disk (%h): mount a partition, lsblk %p shows them" },
	{ SVC_HINT_DISK_IMAGE,
	  "the source is a whole disk (%h): losetup -fP --show %p, then mount a partition of the "
	  "device that it names, such as /dev/loop0p1" },
	{ SVC_HINT_EMPTY, "the source is empty" },
	{ SVC_HINT_READ_ONLY,
	  "the source cannot be written to, which may be why; use a copy that can" },
	{ SVC_HINT_SOURCE_PATH, "see who may: namei -l %p" },
	{ SVC_HINT_TARGET_PATH, "see who may: namei -l %m" },
	{ SVC_HINT_MKDIR, "mkdir -p %m" },
	{ SVC_HINT_MODPROBE, "modprobe fuse (a container must be given that device)" },
	{ SVC_HINT_DEVICE, "the container or unit that this runs in does not allow it" },
};

bool svc_error_is_servers_choice(uint32_t code)
{
	return code == FUSESVC_E_GOODBYE || code == FUSESVC_E_NOMOUNT || code == FUSESVC_E_CLOSED;
}

/* Of some things the server knows less than we: that is how it came to ask. */
static bool is_refusal_the_reason(uint32_t code)
{
	return code == SVC_E_TARGET_IS_FILE || code == SVC_E_TARGET_IS_DIRECTORY ||
	       code == SVC_E_ASKED_SOURCE || code == SVC_E_ASKED_ALLOW_OTHER;
}

static bool are_words_the_reason(const struct svc_mount *m)
{
	return *m->words &&
	       (svc_error_is_servers_choice(m->error.code) ||
		(m->error.step == SVC_STEP_POLICY && !is_refusal_the_reason(m->error.code)));
}

static void append(char *buf, size_t size, const char *text)
{
	size_t used = strlen(buf);

	(void)snprintf(buf + used, size - used, "%s", text);
}

/*
 * A path as it can be pasted into a shell, whatever is in it. One that is cut, or that holds what
 * is escaped, would be that of something else: it is left to the reader.
 */
static void append_word(char *buf, size_t size, const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/._-+,:@%=";
	const char *quote = path[strspn(path, plain)] ? "'" : "";
	char clean[FUSESVC_SUBJECT_SIZE];

	if (*path == '-' || strcmp(fusesvc_escape(path, clean, sizeof(clean)), path) != 0) {
		append(buf, size, "PATH");
		return;
	}
	append(buf, size, quote);
	for (const char *p = path; *p; p++) {
		char literal[2] = { *p, '\0' };

		append(buf, size, *p == '\'' ? "'\\''" : literal);
	}
	append(buf, size, quote);
}

/* Appends. */
static void expand(const struct svc_mount *m, const char *template, char *buf, size_t size)
{
	char subject[2 * FUSESVC_SUBJECT_SIZE], text[2 * FUSESVC_NAME_SIZE];

	for (const char *p = template; *p; p++) {
		char literal[2] = { *p, '\0' };

		switch (*p == '%' ? *++p : '\0') {
		case 's':
			append(buf, size,
			       fusesvc_escape(m->error.subject, subject, sizeof(subject)));
			break;
		case 'n':
			append(buf, size, m->name);
			break;
		case 'e':
			append(buf, size, strerror_r(m->error.err, text, sizeof(text)));
			break;
		case 't':
			(void)snprintf(text, sizeof(text), "%u", m->opts.timeout);
			append(buf, size, text);
			break;
		case 'h':
			append(buf, size, fusesvc_escape(m->hint.name, text, sizeof(text)));
			break;
		case 'l':
			append(buf, size,
			       m->error.err == ENOENT ? "no socket " : "nobody listens on ");
			append(buf, size,
			       fusesvc_escape(m->error.subject, subject, sizeof(subject)));
			break;
		case 'p':
			append_word(buf, size, m->source ? m->source : SVC_NO_SOURCE);
			break;
		case 'm':
			append_word(buf, size, m->target);
			break;
		default:
			append(buf, size, literal);
		}
	}
}

/* System errors of our own processes are no fault of the service. */
static bool is_system_error(const struct fusesvc_error *e)
{
	return e->code == FUSESVC_E_SYSTEM &&
	       (e->step == SVC_STEP_PROCESS || e->step == SVC_STEP_OPTIONS ||
		e->step == SVC_STEP_SOURCE);
}

static int error_text(const struct svc_mount *m, char *buf, size_t size)
{
	char words[2 * FUSESVC_MESSAGE_SIZE], text[2 * FUSESVC_SUBJECT_SIZE];

	if (are_words_the_reason(m)) {
		(void)snprintf(buf, size, "%s: %s", m->name,
			       fusesvc_escape(m->words, words, sizeof(words)));
		return MNT_EX_FAIL;
	}
	if (is_system_error(&m->error)) {
		expand(m, *m->error.subject ? "%s: %e" : "%e", buf, size);
		return MNT_EX_SYSERR;
	}
	/* Without a subject, the step says what failed. */
	if (m->error.code == FUSESVC_E_SYSTEM && !*m->error.subject) {
		(void)snprintf(buf, size, "service \"%s\": %s", m->name,
			       fusesvc_error_text(&m->error, text, sizeof(text)));
		return MNT_EX_FAIL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		if (errors[i].code == m->error.code) {
			expand(m, errors[i].text, buf, size);
			return errors[i].excode;
		}
	}
	expand(m, "unknown error: %e", buf, size);
	return MNT_EX_SOFTWARE;
}

void svc_hint_text(const struct svc_mount *m, char *buf, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (hints[i].code == m->hint.code)
			expand(m, hints[i].text, buf, size);
}

int svc_error_text(const struct svc_mount *m, char *buf, size_t size)
{
	size_t len;
	int excode;

	buf[0] = '\0';
	excode = error_text(m, buf, size);
	len = strlen(buf);
	if (m->hint.code && len && buf[len - 1] == '.') /* servers end their sentences */
		buf[len - 1] = '\0';
	if (m->hint.code)
		append(buf, size, "; ");
	svc_hint_text(m, buf, size);
	return excode;
}
