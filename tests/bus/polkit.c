/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "polkit.h"

#include "lab.h"

#define ALLOW_USER_INTERACTION 1u

static void question_free(gpointer data) {
        PolkitQuestion *question = data;

        g_free(question->subject);
        g_free(question->action);
        g_free(question->cancellation_id);
        g_hash_table_unref(question->details);
        sd_bus_message_unref(question->call);
        g_free(question);
}

static PolkitQuestion *read_question(sd_bus_message *call) {
        PolkitQuestion *question = g_new0(PolkitQuestion, 1);
        const char *kind, *key, *subject, *action, *name, *value, *id;

        question->details = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        lab_ok(sd_bus_message_enter_container(call, 'r', "sa{sv}"));
        lab_ok(sd_bus_message_read(call, "s", &kind));
        g_assert_cmpstr(kind, ==, "system-bus-name");
        lab_ok(sd_bus_message_read(call, "a{sv}", 1, &key, "s", &subject));
        g_assert_cmpstr(key, ==, "name");
        lab_ok(sd_bus_message_exit_container(call));
        lab_ok(sd_bus_message_read(call, "s", &action));

        lab_ok(sd_bus_message_enter_container(call, 'a', "{ss}"));
        while (sd_bus_message_read(call, "{ss}", &name, &value) > 0)
                g_assert_true(g_hash_table_insert(question->details, g_strdup(name), g_strdup(value)));
        lab_ok(sd_bus_message_exit_container(call));
        lab_ok(sd_bus_message_read(call, "us", &question->flags, &id));

        question->subject = g_strdup(subject);
        question->action = g_strdup(action);
        question->cancellation_id = g_strdup(id);
        return question;
}

static int answer(sd_bus_message *call, bool yes, bool challenge) {
        return sd_bus_reply_method_return(call, "(bba{ss})", (int) yes, (int) challenge, 0);
}

static int method_check_authorization(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        Polkit *polkit = userdata;
        PolkitQuestion *question = read_question(call);
        bool interactive = question->flags & ALLOW_USER_INTERACTION, right = interactive && polkit->password_is_right;

        g_ptr_array_add(polkit->questions, question);
        if (polkit->yes_to && g_str_equal(polkit->yes_to, question->action))
                return answer(call, true, false);

        switch (polkit->mode) {
        case POLKIT_YES:
                return answer(call, true, false);
        case POLKIT_NO:
                return answer(call, false, false);
        case POLKIT_CHALLENGE:
                return answer(call, right, !right && !interactive);
        case POLKIT_HOLD:
                question->call = sd_bus_message_ref(call);
                return 1;
        case POLKIT_FAIL:
                return sd_bus_reply_method_errorf(call, "org.freedesktop.PolicyKit1.Error.Failed", "broken on purpose");
        case POLKIT_NONSENSE:
                return sd_bus_reply_method_return(call, "s", "yes");
        }

        g_assert_not_reached();
}

static int method_cancel(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        Polkit *polkit = userdata;
        const char *id;

        lab_ok(sd_bus_message_read(call, "s", &id));
        for (guint i = 0; i < polkit->questions->len; i++) {
                PolkitQuestion *question = polkit->questions->pdata[i];

                if (g_str_equal(question->cancellation_id, id))
                        question->is_cancelled = true;
        }

        return sd_bus_reply_method_return(call, NULL);
}

static const sd_bus_vtable polkit_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("CheckAuthorization", "(sa{sv})sa{ss}us", "(bba{ss})", method_check_authorization,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("CancelCheckAuthorization", "s", NULL, method_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

Polkit *polkit_new(const char *address, sd_event *event) {
        Polkit *polkit = g_new0(Polkit, 1);

        polkit->questions = g_ptr_array_new_with_free_func(question_free);
        polkit->bus = lab_open_bus(address, event);
        lab_ok(sd_bus_add_object_vtable(polkit->bus, NULL, "/org/freedesktop/PolicyKit1/Authority",
                                        "org.freedesktop.PolicyKit1.Authority", polkit_vtable, polkit));
        lab_ok(sd_bus_request_name(polkit->bus, "org.freedesktop.PolicyKit1", 0));
        return polkit;
}

void polkit_free(Polkit *polkit) {
        if (!polkit)
                return;

        sd_bus_flush_close_unref(polkit->bus);
        g_ptr_array_unref(polkit->questions);
        g_free(polkit);
}

void polkit_answer_question(PolkitQuestion *question, bool yes) {
        if (!question->call)
                return;

        lab_ok(answer(question->call, yes, false));
        question->call = sd_bus_message_unref(question->call);
}

void polkit_answer(Polkit *polkit, bool yes) {
        for (guint i = 0; i < polkit->questions->len; i++)
                polkit_answer_question(polkit->questions->pdata[i], yes);
}

void polkit_forget(Polkit *polkit) {
        g_ptr_array_set_size(polkit->questions, 0);
}

PolkitQuestion *polkit_last(Polkit *polkit) {
        g_assert_cmpuint(polkit->questions->len, >, 0);
        return polkit->questions->pdata[polkit->questions->len - 1];
}

const char *polkit_detail(const PolkitQuestion *question, const char *key) {
        return g_hash_table_lookup(question->details, key);
}
