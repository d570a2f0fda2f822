/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a link message may look like that is none, or not the kernel's usual: it is not believed, or read as far as it
 * goes. */
#include <errno.h>
#include <glib.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "link.h"

typedef struct Message {
        _Alignas(struct nlmsghdr) char buffer[1024];
        struct nlmsghdr *header;
} Message;

/* A link named tap5 with the alias "words", after which a test goes on. */
static void message_begin(Message *message, uint16_t type, int ifindex) {
        struct ifinfomsg *info;

        message->header = mnl_nlmsg_put_header(message->buffer);
        message->header->nlmsg_type = type;
        info = mnl_nlmsg_put_extra_header(message->header, sizeof(*info));
        info->ifi_index = ifindex;
        mnl_attr_put_strz(message->header, IFLA_IFNAME, "tap5");
        mnl_attr_put_strz(message->header, IFLA_IFALIAS, "words");
}

static void test_refused(void) {
        static const struct {
                uint16_t type;
                int ifindex;
        } rows[] = {
                { RTM_NEWROUTE, 5 }, { RTM_NEWADDR, 5 }, { NLMSG_DONE, 5 }, { RTM_NEWLINK, 0 }, { RTM_DELLINK, -1 }
        };
        Message message;
        Link link;

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                message_begin(&message, rows[i].type, rows[i].ifindex);
                g_assert_cmpint(link_parse(message.header, &link), ==, -EBADMSG);
        }

        /* Each length that ends before the fixed part does. */
        for (uint32_t length = 0; length < sizeof(struct ifinfomsg); length++) {
                message_begin(&message, RTM_NEWLINK, 5);
                message.header->nlmsg_len = (uint32_t) MNL_NLMSG_HDRLEN + length;
                g_assert_cmpint(link_parse(message.header, &link), ==, -EBADMSG);
        }
}

/* Cut anywhere among its attributes it is read as far as they are whole. */
static void test_cut(void) {
        uint32_t whole;
        Message message;
        Link link;

        message_begin(&message, RTM_NEWLINK, 5);
        whole = message.header->nlmsg_len;
        for (uint32_t length = whole; length >= MNL_NLMSG_HDRLEN + sizeof(struct ifinfomsg); length--) {
                message.header->nlmsg_len = length;
                g_assert_cmpint(link_parse(message.header, &link), ==, 1);
                g_assert_cmpint(link.ifindex, ==, 5);
                g_assert_true(!*link.name || g_str_equal(link.name, "tap5"));
                g_assert_true(!*link.alias || g_str_equal(link.alias, "words"));
        }
}

static void test_strange(void) {
        static const char long_name[] = "a-name-that-is-longer-than-any-name-of-a-link";
        struct nlattr *info, *data;
        Message message;
        Link link;

        /* Unknown attributes, on each level, and a string without its end. */
        message_begin(&message, RTM_NEWLINK, 5);
        mnl_attr_put_u32(message.header, 4000, 1);
        mnl_attr_put(message.header, IFLA_IFALIAS, 3, "abc");
        info = mnl_attr_nest_start(message.header, IFLA_LINKINFO);
        mnl_attr_put_u32(message.header, 4001, 1);
        mnl_attr_put_strz(message.header, IFLA_INFO_KIND, "tun");
        data = mnl_attr_nest_start(message.header, IFLA_INFO_DATA);
        mnl_attr_put_u32(message.header, 4002, 1);
        mnl_attr_put_u32(message.header, IFLA_TUN_OWNER, 1000);
        mnl_attr_nest_end(message.header, data);
        mnl_attr_nest_end(message.header, info);
        g_assert_cmpint(link_parse(message.header, &link), ==, 1);
        g_assert_true(link.is_tun);
        g_assert_cmpuint(link.user, ==, 1000);
        g_assert_cmpuint(link.group, ==, UINT32_MAX);
        g_assert_cmpstr(link.alias, ==, "words");

        /* A name too long for a link is cut, and never more than that is written. */
        message_begin(&message, RTM_DELLINK, 5);
        mnl_attr_put_strz(message.header, IFLA_IFNAME, long_name);
        g_assert_cmpint(link_parse(message.header, &link), ==, 0);
        g_assert_cmpuint(strlen(link.name), ==, IF_NAMESIZE - 1);
        g_assert_true(g_str_has_prefix(long_name, link.name));

        /* Of another kind the same numbers mean something else. */
        message_begin(&message, RTM_NEWLINK, 5);
        info = mnl_attr_nest_start(message.header, IFLA_LINKINFO);
        mnl_attr_put_strz(message.header, IFLA_INFO_KIND, "veth");
        data = mnl_attr_nest_start(message.header, IFLA_INFO_DATA);
        mnl_attr_put_u32(message.header, IFLA_TUN_OWNER, 1000);
        mnl_attr_nest_end(message.header, data);
        mnl_attr_nest_end(message.header, info);
        g_assert_cmpint(link_parse(message.header, &link), ==, 1);
        g_assert_false(link.is_tun);
        g_assert_cmpuint(link.user, ==, UINT32_MAX);
}

/* What a bridge tells of its port. */
static void test_port(void) {
        static const int isolated[] = { -1, 0, 1 };
        struct nlattr *info;
        Message message;
        bool is_isolated;
        int ifindex;

        for (size_t i = 0; i < G_N_ELEMENTS(isolated); i++) {
                ifindex = 0;
                is_isolated = isolated[i] != 1;
                message_begin(&message, RTM_NEWLINK, 5);
                info = mnl_attr_nest_start(message.header, IFLA_PROTINFO);
                mnl_attr_put_u32(message.header, 4000, 1);
                mnl_attr_put_u8(message.header, IFLA_BRPORT_STATE, 3);
                if (isolated[i] >= 0)
                        mnl_attr_put_u8(message.header, IFLA_BRPORT_ISOLATED, (uint8_t) isolated[i]);
                mnl_attr_nest_end(message.header, info);
                g_assert_cmpint(link_parse_port(message.header, &ifindex, &is_isolated), ==, 0);
                g_assert_cmpint(ifindex, ==, 5);
                g_assert_cmpint(is_isolated, ==, isolated[i] == 1);
        }

        /* Of a port that left nothing is told, nor by a message that is about something else, or cut. */
        message.header->nlmsg_type = RTM_DELLINK;
        g_assert_cmpint(link_parse_port(message.header, &ifindex, &is_isolated), ==, -EBADMSG);
        message_begin(&message, RTM_NEWLINK, 5);
        g_assert_cmpint(link_parse_port(message.header, &ifindex, &is_isolated), ==, -EBADMSG);
        for (uint32_t length = 0; length < sizeof(struct ifinfomsg); length++) {
                message.header->nlmsg_len = (uint32_t) MNL_NLMSG_HDRLEN + length;
                g_assert_cmpint(link_parse_port(message.header, &ifindex, &is_isolated), ==, -EBADMSG);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/link/refused", test_refused);
        g_test_add_func("/link/cut", test_cut);
        g_test_add_func("/link/strange", test_strange);
        g_test_add_func("/link/port", test_port);

        return g_test_run();
}
