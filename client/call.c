/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "call.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "advice.h"
#include "errors.h"
#include "id-names.h"
#include "names.h"
#include "progress.h"
#include "report.h"
#include "text.h"

#define PATIENCE_SECONDS 130

/* 10 s, in pauses of 50 ms: where the bus itself waits for the network (cloud-init), that is how long the boot takes
 * more.
 */
#define BOOT_PATIENCE_PAUSES 200
#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

#define BUS_DRIVER "org.freedesktop.DBus"
#define BUS_DRIVER_PATH "/org/freedesktop/DBus"

/* What is wrong, and what can be done about it; @hint may be NULL. */
static void report_with_hint(const Caller *caller, const char *subject, const char *text, const char *hint) {
        size_t length = strlen(text);

        if (!hint || !caller->is_terse)
                report(subject, "%s", text);
        else
                /* The bus and systemd end theirs with a full stop. */
                report(subject, "%.*s; %s", (int) (length > 0 && text[length - 1] == '.' ? length - 1 : length), text,
                       hint);
        if (hint && !caller->is_terse)
                report_hint("%s", hint);
}

/* The same of somebody who cannot be asked. */
static int report_silence(const Caller *caller, const char *what, const char *why, const char *hint) {
        char *text;

        if (asprintf(&text, "%s: %s", what, why) < 0)
                return report_no_memory();

        report_with_hint(caller, /* subject= */ NULL, text, hint);
        free(text);
        return TAPCTL_EXIT_NO_SERVICE;
}

static int report_no_service(const Caller *caller, const char *why) {
        return report_silence(caller, "tapd does not answer", why,
                              "is tapd installed? \"systemctl status tapd\" says more.");
}

static int report_no_bus(const Caller *caller, int r) {
        return report_silence(caller, "cannot talk to the system bus", strerror(-r),
                              "\"systemctl status dbus\" says whether it runs.");
}

static int report_late(const Caller *caller, uint64_t usec) {
        char text[64];

        (void) snprintf(text, sizeof(text), "tapd did not answer within %" PRIu64 " s", (usec + 500000) / 1000000);
        report_with_hint(caller, /* subject= */ NULL, text, "\"systemctl status tapd\" says more.");
        return TAPCTL_EXIT_NO_SERVICE;
}

/* How long something may take now; 0: as long as the bus has it. */
static uint64_t time_left(const Caller *caller) {
        uint64_t now = text_clock_usec();

        if (caller->deadline_usec == 0)
                return 0;

        return caller->deadline_usec > now ? caller->deadline_usec - now : 1;
}

static int caller_on_owner(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Caller *caller = userdata;

        caller->pending = false;
        /* An error here is a name without an owner: tapd is not running, and the call starts it. */
        if (!sd_bus_message_is_method_error(reply, NULL))
                caller->owned = sd_bus_message_read(reply, "u", &caller->owner) >= 0;

        return 0;
}

/* Goes out together with the greeting to the bus, so that it costs no round trip. */
static int ask_for_owner(Caller *caller) {
        int r;

        r = sd_bus_call_method_async(caller->bus, NULL, BUS_DRIVER, BUS_DRIVER_PATH, BUS_DRIVER,
                                     "GetConnectionUnixUser", caller_on_owner, caller, "s", TAPD_BUS_NAME);
        if (r >= 0)
                caller->pending = true;

        return r;
}

static int wait_for_owner(Caller *caller) {
        while (caller->pending) {
                uint64_t left = time_left(caller);
                int r = sd_bus_process(caller->bus, NULL);

                if (r == 0)
                        r = sd_bus_wait(caller->bus, left > 0 ? left : UINT64_MAX);
                if (r < 0)
                        return r;
                if (left == 1)
                        return -ETIMEDOUT;
        }

        return 0;
}

/* root can do everything that tapd can, and what one owns oneself cannot deceive one: a bus of a test. */
static bool owner_is_trusted(uid_t owner) {
        const struct passwd *entry;

        if (owner == 0 || owner == geteuid())
                return true;

        entry = getpwnam(TAPD_USER);
        return entry && entry->pw_uid == owner;
}

static int verify_owner(Caller *caller) {
        int r;

        if (caller->verified)
                return 0;

        r = wait_for_owner(caller);
        if (r < 0)
                return report_no_bus(caller, r);

        if (!caller->owned)
                return 0;

        if (!owner_is_trusted(caller->owner)) {
                report(NULL, "refusing: %s on the bus is owned by uid %u, not by user %s", TAPD_BUS_NAME, caller->owner,
                       TAPD_USER);
                return TAPCTL_EXIT_FAILED;
        }

        caller->verified = true;
        return 0;
}

/* Whether the host is still booting: the socket of the bus was not made yet. Once made it stays, also where nobody
 * listens any more. */
static bool bus_is_yet_to_come(int r) {
        return r == -ENOENT && !getenv("DBUS_SYSTEM_BUS_ADDRESS") && access("/run/systemd/system", F_OK) >= 0;
}

/* Debian's networking.service runs ifup(8) before the bus is there, and an ifup stanza may call us. */
static int open_bus(sd_bus **ret) {
        static const struct timespec pause = { .tv_nsec = 50 * 1000000 };
        int r;

        r = sd_bus_open_system(ret);
        for (unsigned i = 0; i < BOOT_PATIENCE_PAUSES && bus_is_yet_to_come(r); i++) {
                (void) nanosleep(&pause, NULL);
                r = sd_bus_open_system(ret);
        }

        return r;
}

static int open_and_verify(Caller *caller) {
        int r;

        r = open_bus(&caller->bus);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(caller->bus, PATIENCE_SECONDS * UINT64_C(1000000));
        if (r >= 0)
                r = ask_for_owner(caller);
        if (r < 0)
                return report_no_bus(caller, r);

        return verify_owner(caller);
}

int call_open(Caller *caller, bool may_ask) {
        *caller = (Caller){ .may_ask = may_ask && geteuid() != 0 && isatty(STDIN_FILENO) };
        return open_and_verify(caller);
}

int call_open_unattended(Caller *caller, unsigned seconds) {
        *caller = (Caller){ .is_terse = true, .deadline_usec = text_clock_usec() + seconds * UINT64_C(1000000) };
        return open_and_verify(caller);
}

void call_close(Caller *caller) {
        agent_stop(&caller->agent);
        sd_bus_close_unref(caller->bus);
        *caller = (Caller){};
}

int call_set_patience(Caller *caller, uint64_t seconds) {
        int r;

        r = sd_bus_set_method_call_timeout(caller->bus, seconds * 1000000);
        return r < 0 ? call_report_build(r) : 0;
}

int call_new_manager(Caller *caller, const char *interface, const char *member, sd_bus_message **ret) {
        int r;

        r = sd_bus_message_new_method_call(caller->bus, ret, TAPD_BUS_NAME, TAPD_OBJECT_PATH, interface, member);
        return r < 0 ? call_report_build(r) : 0;
}

int call_new_tap(Caller *caller, const char *name, const char *interface, const char *member, sd_bus_message **ret) {
        char *path = NULL;
        int r;

        r = sd_bus_path_encode(TAPD_TAP_PREFIX, name, &path);
        if (r >= 0)
                r = sd_bus_message_new_method_call(caller->bus, ret, TAPD_BUS_NAME, path, interface, member);

        free(path);
        return r < 0 ? call_report_build(r) : 0;
}

static bool call_is_of_tap(sd_bus_message *call) {
        return strncmp(sd_bus_message_get_path(call), TAPD_TAP_PREFIX "/", strlen(TAPD_TAP_PREFIX "/")) == 0;
}

/* The bus connection itself broke; sd-bus has no D-Bus error name for that. */
static bool errno_means_no_bus(int r) {
        return r == -ENOTCONN || r == -ECONNRESET || r == -EPIPE;
}

/* systemd starts it again, and it finishes or rolls back what it had begun. */
static int report_death(const Caller *caller, const char *subject) {
        report_with_hint(caller, subject, "tapd ended before it answered",
                         "\"tapctl list\" says what was done, \"journalctl -u tapd\" why it ended.");
        return TAPCTL_EXIT_FAILED;
}

/* Once is enough where several are refused. */
static char *take_advice(Caller *caller, const sd_bus_error *error) {
        char *(*advise)(void) = caller->advise;

        if (!advise ||
            !sd_bus_error_has_names(error, SD_BUS_ERROR_ACCESS_DENIED, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
                return NULL;

        caller->advise = NULL;
        return advise();
}

/* Once is enough here as well: it is one switch. */
static char *take_hint(Caller *caller, const sd_bus_error *error) {
        char *hint = caller->hinted || !caller->plugs_into ? NULL : advice_on_switch(error->name, caller->plugs_into);

        if (hint)
                caller->hinted = true;

        return hint;
}

static bool is_no_such_tap(sd_bus_message *call, const sd_bus_error *error) {
        return sd_bus_error_has_name(error, tapd_error_name(TAPD_ERROR_NO_SUCH_TAP)) ||
               (call_is_of_tap(call) && sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_OBJECT));
}

/* Skips the subject where the message begins with it as well: "tap1: is being deleted", "tap1 belongs to uid 1000",
 * "Name=: \"tap1\", another network interface has it". */
static const char *skip_subject(const char *message, const char *subject) {
        size_t length = subject ? strlen(subject) : 0, gap;
        const char *rest = message;

        if (strncmp(rest, "Name=: \"", strlen("Name=: \"")) == 0)
                rest += strlen("Name=: \"");
        if (length == 0 || strncmp(rest, subject, length) != 0)
                return message;

        rest += length;
        gap = strspn(rest, rest == message + length ? ": " : "\", ");
        return gap > 0 && rest[gap] ? rest + gap : message;
}

/* What tapd itself said. */
static void report_answer(Caller *caller, const char *subject, const char *message, const sd_bus_error *error) {
        char *advice = take_advice(caller, error), *hint = take_hint(caller, error);
        char *named = id_names_in_message(skip_subject(message, subject)), *text = NULL;

        if (asprintf(&text, "%s%s%s", named ? named : message, advice ? "; " : "", advice ? advice : "") < 0)
                text = NULL;

        report_with_hint(caller, subject, text ? text : message, hint);
        free(text);
        free(named);
        free(hint);
        free(advice);
}

static int report_error(Caller *caller, const char *subject, sd_bus_message *call, int r, const sd_bus_error *error) {
        const char *message = error->message ? error->message : strerror(-r);
        int status;

        if (errno_means_no_bus(r))
                return report_no_bus(caller, r);

        if (subject && is_no_such_tap(call, error)) {
                if (!caller->expects_absence)
                        report(subject, "no such TAP");
                return TAPCTL_EXIT_NO_SUCH_TAP;
        }

        status = tapd_error_exit_status(error->name);
        if (status == TAPCTL_EXIT_NO_SERVICE)
                return report_no_service(caller, message);

        if (sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY))
                return report_death(caller, subject);

        report_answer(caller, subject, message, error);
        return status;
}

/* A message that was sent is sealed: for the second time a copy goes, with leave to ask. */
static int copy_interactive(Caller *caller, sd_bus_message *call, sd_bus_message **ret) {
        sd_bus_message *copy = NULL;
        int r;

        r = sd_bus_message_new_method_call(caller->bus, &copy, TAPD_BUS_NAME, sd_bus_message_get_path(call),
                                           sd_bus_message_get_interface(call), sd_bus_message_get_member(call));
        if (r >= 0)
                r = sd_bus_message_set_allow_interactive_authorization(copy, true);
        if (r >= 0)
                r = sd_bus_message_rewind(call, true);
        if (r >= 0)
                r = sd_bus_message_copy(copy, call, true);
        if (r < 0) {
                sd_bus_message_unref(copy);
                return r;
        }

        *ret = copy;
        return 0;
}

static int perform_interactive(Caller *caller, sd_bus_message *call, sd_bus_error *error, sd_bus_message **ret_reply) {
        sd_bus_message *copy = NULL;
        int r;

        if (caller->agent.pid == 0) {
                r = agent_start(&caller->agent);
                if (r < 0)
                        return r;
        }

        r = copy_interactive(caller, call, &copy);
        if (r < 0)
                return r;

        sd_bus_error_free(error);
        r = sd_bus_call(caller->bus, copy, 0, error, ret_reply);
        sd_bus_message_unref(copy);
        return r;
}

/* Whether it is worth asking a person; @error is what tapd answered without. */
static bool asking_helps(const Caller *caller, const sd_bus_error *error) {
        return caller->may_ask && sd_bus_error_has_name(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED);
}

/* Nobody is asked for a password meanwhile, so the terminal is free. */
static int perform(Caller *caller, sd_bus_message *call, sd_bus_error *error, sd_bus_message **ret_reply) {
        if (caller->progress && isatty(STDERR_FILENO))
                return progress_call(caller->bus, call, caller->progress, error, ret_reply);

        return sd_bus_call(caller->bus, call, time_left(caller), error, ret_reply);
}

/* Whether a call that began then failed because nobody answered. To sd-bus that is the same as tapd's own Timeout, or
 * as its end. */
static bool is_late(const Caller *caller, uint64_t began_usec, int r) {
        uint64_t patience = UINT64_MAX;

        if (r != -ETIMEDOUT)
                return false;
        if (caller->deadline_usec > 0)
                return text_clock_usec() >= caller->deadline_usec;

        (void) sd_bus_get_method_call_timeout(caller->bus, &patience);
        return text_clock_usec() - began_usec >= patience;
}

int call_perform(Caller *caller, const char *subject, sd_bus_message *call, sd_bus_message **ret_reply) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        uint64_t began = text_clock_usec();
        sd_bus_message *reply = NULL;
        int r, status = 0;

        r = perform(caller, call, &error, &reply);
        if (r < 0 && asking_helps(caller, &error)) {
                r = perform_interactive(caller, call, &error, &reply);
                /* Who gave no password for this does not want to be asked again for the next name. */
                caller->may_ask = r >= 0;
        }

        if (r < 0 && is_late(caller, began, r))
                status = report_late(caller, text_clock_usec() - began);
        else if (r < 0)
                status = report_error(caller, subject, call, r, &error);
        else if (!caller->verified) {
                r = ask_for_owner(caller);
                status = r < 0 ? report_no_bus(caller, r) : verify_owner(caller);
        }

        if (status == 0 && ret_reply)
                *ret_reply = sd_bus_message_ref(reply);
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
        return status;
}

int call_with_name(Caller *caller, const char *subject, const char *member, const char *name,
                   sd_bus_message **ret_reply) {
        sd_bus_message *call = NULL;
        int r, status;

        status = call_new_manager(caller, TAPD_MANAGER_INTERFACE, member, &call);
        if (status == 0) {
                r = sd_bus_message_append_basic(call, SD_BUS_TYPE_STRING, name);
                status = r < 0 ? call_report_build(r) : call_perform(caller, subject, call, ret_reply);
        }

        sd_bus_message_unref(call);
        return status;
}

int call_tap(Caller *caller, const char *name, const char *member) {
        sd_bus_message *call = NULL;
        int status;

        status = call_new_tap(caller, name, TAPD_TAP_INTERFACE, member, &call);
        if (status == 0)
                status = call_perform(caller, name, call, NULL);

        sd_bus_message_unref(call);
        return status;
}

int call_get_all(Caller *caller, const char *name, sd_bus_message **ret_reply) {
        const char *interface = name ? TAPD_TAP_INTERFACE : TAPD_MANAGER_INTERFACE;
        sd_bus_message *call = NULL;
        int r, status;

        if (name)
                status = call_new_tap(caller, name, PROPERTIES_INTERFACE, "GetAll", &call);
        else
                status = call_new_manager(caller, PROPERTIES_INTERFACE, "GetAll", &call);
        if (status == 0) {
                r = sd_bus_message_append(call, "s", interface);
                status = r < 0 ? call_report_build(r) : call_perform(caller, name, call, ret_reply);
        }

        sd_bus_message_unref(call);
        return status;
}

int call_each(Caller *caller, const char *const *names, size_t n, CallEach each, void *userdata) {
        int first = 0;

        for (size_t i = 0; i < n; i++) {
                int status = each(caller, names[i], userdata);

                if (first == 0)
                        first = status;
                if (status == TAPCTL_EXIT_NO_SERVICE)
                        break;
        }

        return first;
}

int call_report_build(int r) {
        report(NULL, "cannot build a message: %s", strerror(-r));
        return TAPCTL_EXIT_FAILED;
}

int call_report_reply(int r) {
        if (r == -EMFILE) {
                report(NULL, "too many open files: raise \"ulimit -n\"");
                return TAPCTL_EXIT_FAILED;
        }

        /* One line, also for those who are terse. */
        report(NULL, "tapd, maybe of another version, gave an answer that is not understood here: %s", strerror(-r));
        return TAPCTL_EXIT_FAILED;
}
