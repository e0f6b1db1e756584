/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See sandbox.h. What is wanted comes from the drop-ins themselves, which the build turns into
 * shipped.h: here stands only how to compare. A setting of theirs that has no rule here fails the
 * tests. Must never take what it does not understand for strong enough.
 */
#include "sandbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BLANKS " \t"

/* Of the instance that is looked at: see UNIT_INSTANCE. */
#define INSTANCE_USER "mfuse-svc"

/* As the bus has them: the family, the address, the bits of its net. */
#define ANY_IPV4 "2:0.0.0.0:0"
#define ANY_IPV6 "10::::0"

/* Before the words of a list that allows them. One that denies them has another. */
#define ALLOWED "yes:"

static const struct {
	enum sandbox_layer layer;
	const char *setting, *value;
} shipped[] = {
#include "shipped.h"
};

void sandbox_wanted(const char *setting, unsigned int layers, struct sandbox_want *want)
{
	want->n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(shipped); i++) {
		if (!(shipped[i].layer & layers) || strcmp(shipped[i].setting, setting) != 0)
			continue;
		if (*shipped[i].value == '\0')
			want->n = 0;
		else if (want->n < SANDBOX_MAX_LINES)
			want->line[want->n++] = shipped[i].value;
	}
}

static const char *last_line(const struct sandbox_want *want)
{
	return want->n ? want->line[want->n - 1] : "";
}

/* Is one of the words of a text that one? */
static bool has_word(const char *text, const char *word, size_t len)
{
	while (*(text += strspn(text, BLANKS))) {
		size_t n = strcspn(text, BLANKS);

		if (n == len && memcmp(text, word, n) == 0)
			return true;
		text += n;
	}
	return false;
}

static bool is_wanted(const struct sandbox_want *want, const char *word, size_t len)
{
	for (size_t i = 0; i < want->n; i++)
		if (has_word(want->line[i], word, len))
			return true;
	return false;
}

/* Calls @f for each word, until it says true. */
static bool any_word(const char *text, bool (*f)(const char *word, size_t len, const void *data),
		     const void *data)
{
	while (*(text += strspn(text, BLANKS))) {
		size_t n = strcspn(text, BLANKS);

		if (f(text, n, data))
			return true;
		text += n;
	}
	return false;
}

static bool is_off(const struct sandbox_want *want, const char *got)
{
	return want->n && strcmp(last_line(want), "no") != 0 && strcmp(got, "yes") != 0;
}

static bool is_other(const struct sandbox_want *want, const char *got)
{
	return want->n && strcmp(last_line(want), got) != 0;
}

/* An empty file system shows as little, and lets a unit bind what it wants there. */
static bool is_home_shown(const struct sandbox_want *want, const char *got)
{
	return is_other(want, got) && strcmp(got, "tmpfs") != 0;
}

static bool is_open_to_devices(const struct sandbox_want *want, const char *got)
{
	return is_other(want, got) && strcmp(got, "strict") != 0;
}

/* With the suffixes of systemd. What is no number is as large as can be. */
static uint64_t number(const char *text)
{
	static const char suffixes[] = "KMGT";
	char *end;
	uint64_t n = strtoull(text, &end, 10);
	const char *suffix = *end ? strchr(suffixes, *end) : NULL;

	if (end == text || (*end && !suffix))
		return UINT64_MAX;
	return suffix ? n << (10 * (suffix - suffixes + 1)) : n;
}

static bool is_larger(const struct sandbox_want *want, const char *got)
{
	return want->n && number(got) > number(last_line(want));
}

static bool is_smaller(const struct sandbox_want *want, const char *got)
{
	return want->n && strtoll(got, NULL, 10) < strtoll(last_line(want), NULL, 10);
}

/* For sets of bits of which none is wanted. */
static bool has_bits(const struct sandbox_want *want, const char *got)
{
	return strcmp(got, "0") != 0;
}

static bool lacks_bits(const struct sandbox_want *want, const char *got)
{
	return (strtoul(last_line(want), NULL, 8) & ~strtoul(got, NULL, 10)) != 0;
}

static bool is_any(const struct sandbox_want *want, const char *got)
{
	return *got != '\0';
}

static bool is_missing(const char *word, size_t len, const void *got)
{
	return !has_word(got, word, len);
}

static bool lacks_words(const struct sandbox_want *want, const char *got)
{
	for (size_t i = 0; i < want->n; i++)
		if (any_word(want->line[i], is_missing, got))
			return true;
	return false;
}

static bool is_not_any_address(const struct sandbox_want *want, const char *got)
{
	return want->n && (!has_word(got, ANY_IPV4, strlen(ANY_IPV4)) ||
			   !has_word(got, ANY_IPV6, strlen(ANY_IPV6)));
}

static const char *allow_list(const char *got)
{
	return strncmp(got, ALLOWED, strlen(ALLOWED)) == 0 ? got + strlen(ALLOWED) : NULL;
}

static bool is_family_too_many(const char *word, size_t len, const void *want)
{
	return !is_wanted(want, word, len);
}

static bool has_more_families(const struct sandbox_want *want, const char *got)
{
	const char *list = allow_list(got);

	return !list || any_word(list, is_family_too_many, want);
}

/* ProtectClock= lets a service read the clock, in its way. */
static bool is_device(const char *word, size_t len, const void *data)
{
	return len != 10 || memcmp(word, "char-rtc:r", 10) != 0;
}

static bool has_devices(const struct sandbox_want *want, const char *got)
{
	return any_word(got, is_device, NULL);
}

/* The program and its libraries are below, and what a unit adds: these are too much for any. */
static bool is_view_of_host(const char *word, size_t len, const void *data)
{
	static const char *const views[] = { "/",     "/boot", "/dev",	 "/etc",     "/home",
					     "/proc", "/root", "/run",	 "/sys",     "/tmp",
					     "/var",  "/usr",  "/media", "/run/user" };

	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		if (strncmp(word, views[i], strlen(views[i])) == 0 && word[strlen(views[i])] == ':')
			return true;
	return false;
}

static bool shows_host(const struct sandbox_want *want, const char *got)
{
	return any_word(got, is_view_of_host, NULL);
}

/* Flags of a command, among its words: "+", "!" and "!!" before it. */
static bool is_power(const char *word, size_t len, const void *data)
{
	static const char *const flags[] = { "privileged", "no-setuid", "ambient" };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		size_t n = strlen(flags[i]);
		const char *at = memmem(word, len, flags[i], n);

		if (at && (at == word || at[-1] == ':') && (at + n == word + len || at[n] == ':'))
			return true;
	}
	return false;
}

static bool runs_outside(const struct sandbox_want *want, const char *got)
{
	return any_word(got, is_power, NULL);
}

/* A user of its own for each mount, which systemd makes up. */
static bool is_no_dynamic_user(const struct sandbox_want *want, const char *got)
{
	return *got && strcmp(got, INSTANCE_USER) != 0;
}

/*
 * System calls. A list on the bus has all groups spelt out, differently in each version of systemd:
 * so it is looked for calls that nobody wants a server to have.
 */
static const char not_in_any_service[] =
	"mount umount2 pivot_root move_mount open_tree fsopen fsmount fsconfig fspick "
	"mount_setattr "
	"ptrace bpf perf_event_open init_module finit_module delete_module kexec_load reboot "
	"swapon swapoff iopl ioperm open_by_handle_at pidfd_getfd";

/* Of each group that is denied, those that matter. */
static const struct {
	const char *name, *calls;
} call_groups[] = {
	{ "@privileged", "acct bpf capset chroot fanotify_init pivot_root quotactl chown fchown "
			 "lchown fchownat clock_settime settimeofday sethostname setdomainname" },
	{ "@resources",
	  "ioprio_set mbind sched_setaffinity sched_setscheduler setpriority setrlimit" },
	{ "@ipc", "memfd_create mq_open msgget semget shmget shmat process_vm_readv "
		  "process_vm_writev pipe pipe2" },
	{ "@keyring", "add_key keyctl request_key" },
	{ "@setuid", "setuid setgid setgroups setreuid setregid setresuid setresgid" },
	{ "@aio", "io_setup io_submit io_uring_setup io_uring_enter" },
};

static const char *group_calls(const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(call_groups); i++)
		if (strlen(call_groups[i].name) == len &&
		    memcmp(call_groups[i].name, word, len) == 0)
			return call_groups[i].calls;
	return NULL;
}

/* Does a line name that call, by itself or by its group? */
static bool line_has_call(const char *line, const char *call, size_t len)
{
	while (*(line += strspn(line, BLANKS "~"))) {
		size_t n = strcspn(line, BLANKS);
		const char *calls = group_calls(line, n);

		if ((n == len && memcmp(line, call, n) == 0) ||
		    (calls && has_word(calls, call, len)))
			return true;
		line += n;
	}
	return false;
}

/* The last line that names it decides. */
static bool is_call_denied(const char *word, size_t len, const void *data)
{
	const struct sandbox_want *want = data;
	bool denied = has_word(not_in_any_service, word, len);

	for (size_t i = 0; i < want->n; i++)
		if (line_has_call(want->line[i], word, len))
			denied = *want->line[i] == '~';
	return denied;
}

static bool has_denied_calls(const struct sandbox_want *want, const char *got)
{
	const char *list = allow_list(got);

	return !list || any_word(list, is_call_denied, want);
}

const struct sandbox_rule sandbox_rules[] = {
	{ "DynamicUser", NULL, is_off, false, "servers share a user" },
	{ "User", NULL, is_no_dynamic_user, false, "servers share a user with others" },
	{ "SupplementaryGroups", NULL, is_any, false, "a server has the rights of groups" },
	{ "ExecStart", "ExecStartEx", runs_outside, false,
	  "the server runs outside of the sandbox" },
	{ "ExecStartPre", "ExecStartPreEx", runs_outside, false,
	  "a program runs outside of the sandbox" },
	{ "AmbientCapabilities", NULL, has_bits, false, "a server has capabilities" },
	{ "CapabilityBoundingSet", NULL, has_bits, false, "a server may get capabilities" },
	{ "NoNewPrivileges", NULL, is_off, false, "a server may get privileges" },
	{ "PrivateUsers", NULL, is_off, false, "a server is in the users' namespace of the host" },
	{ "RestrictSUIDSGID", NULL, is_off, false, "a server may make set-user-ID files" },
	{ "RemoveIPC", NULL, is_off, false, "a server leaves IPC objects behind" },
	{ "UMask", NULL, lacks_bits, false, "others may read what a server writes" },

	{ "IPAddressDeny", NULL, is_not_any_address, false, "a server may reach other hosts" },
	{ "PrivateNetwork", NULL, is_off, false, "a server has the network" },
	{ "NetworkNamespacePath", NULL, is_any, false, "a server has a network" },
	{ "RestrictAddressFamilies", NULL, has_more_families, false, "a server may make sockets" },

	{ "RootDirectory", NULL, is_other, false, "a server sees the files of the host" },
	{ "BindPaths", NULL, is_any, false, "a server may write to files of the host" },
	{ "BindReadOnlyPaths", NULL, shows_host, false, "a server sees the files of the host" },
	{ "InaccessiblePaths", NULL, lacks_words, false, "a server sees directories of the host" },
	{ "TemporaryFileSystem", NULL, lacks_words, false, "a server sees /run of the host" },
	{ "StateDirectory", NULL, is_any, false, "a server may keep files" },
	{ "DevicePolicy", NULL, is_open_to_devices, false, "a server may open devices" },
	{ "DeviceAllow", NULL, has_devices, false, "a server may open devices" },
	{ "PrivateDevices", NULL, is_off, false, "a server sees devices" },
	{ "PrivateIPC", NULL, is_off, false, "a server shares IPC with the host" },
	{ "PrivateMounts", NULL, is_off, false, "mounts of a server reach the host" },
	{ "PrivateTmp", NULL, is_off, false, "a server sees /tmp of the host" },
	{ "ProcSubset", NULL, is_other, false, "a server sees the kernel's settings in /proc" },
	{ "ProtectClock", NULL, is_off, false, "a server may set the clock" },
	{ "ProtectControlGroups", NULL, is_off, false, "a server may change control groups" },
	{ "ProtectHome", NULL, is_home_shown, false, "a server sees home directories" },
	{ "ProtectHostname", NULL, is_off, false, "a server may change the name of the host" },
	{ "ProtectKernelLogs", NULL, is_off, false, "a server may read the log of the kernel" },
	{ "ProtectKernelModules", NULL, is_off, false, "a server may load modules" },
	{ "ProtectKernelTunables", NULL, is_off, false,
	  "a server may change the kernel's settings" },
	{ "ProtectProc", NULL, is_other, false, "a server sees processes of others" },
	{ "ProtectSystem", NULL, is_other, false, "a server may write to the system" },

	{ "LockPersonality", NULL, is_off, false, "a server may change its personality" },
	{ "MemoryDenyWriteExecute", NULL, is_off, false, "a server may run code that it wrote" },
	{ "RestrictNamespaces", NULL, has_bits, false, "a server may make namespaces" },
	{ "RestrictRealtime", NULL, is_off, false, "a server may take the processor for itself" },
	{ "SystemCallArchitectures", NULL, is_other, false, "the list of calls can be got around" },
	{ "SystemCallFilter", NULL, has_denied_calls, false,
	  "a server may make calls that it never needs" },

	{ "LimitCORE", NULL, is_larger, true, "an image may end up in a core file" },
	{ "CoredumpFilter", NULL, has_bits, true, "an image may end up in a core file" },
	{ "LimitNOFILE", NULL, is_larger, true, "a server may open more files" },
	{ "MemoryMax", NULL, is_larger, true, "a server may take more memory" },
	{ "MemorySwapMax", NULL, is_larger, true,
	  "a server may take swap, and an image end up there" },
	{ "TasksMax", NULL, is_larger, true, "a server may start more processes" },
	{ "OOMPolicy", NULL, is_other, true, "a server may live on in part" },
	{ "OOMScoreAdjust", NULL, is_smaller, true, "others may have to go before a mount" },

	/* How it looks in the log, and which error a call gets that is denied. */
	{ "SyslogIdentifier", NULL, NULL, true, NULL },
	{ "SyslogLevelPrefix", NULL, is_other, true, "a server may write to the terminals of all" },
	{ "StandardOutput", NULL, NULL, true, NULL },
	{ "StandardError", NULL, NULL, true, NULL },
	{ "SystemCallErrorNumber", NULL, NULL, true, NULL },
	{ NULL }
};

/* What fuse-svc-preset(5) has for a server that needs a directory. */
static bool is_lifted_for_user(const struct sandbox_rule *rule, const char *got)
{
	if (strcmp(rule->setting, "User") == 0)
		return strcmp(got, "root") != 0 && strcmp(got, "0") != 0;
	return strcmp(rule->setting, "DynamicUser") == 0 || strcmp(rule->setting, "BindPaths") == 0;
}

bool sandbox_is_weaker(const struct sandbox_rule *rule, unsigned int layers, const char *got)
{
	struct sandbox_want want;

	if (!rule->is_weaker || ((layers & SANDBOX_USER) && is_lifted_for_user(rule, got)))
		return false;
	sandbox_wanted(rule->setting, layers, &want);
	return rule->is_weaker(&want, got);
}
