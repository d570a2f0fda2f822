/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Runs programs on a machine that is reached over one serial port and nothing else, several at once; guest.py has the
 * other end of the port. What passes are messages: a struct Message, then that many bytes of data. Who starts a program
 * chooses its id.
 *
 *      START           to the agent    its arguments, each with a NUL behind it
 *      INPUT                           for its standard input; no data: the end of it
 *      SIGNAL                          one byte, the number
 *      FORGET                          kill it, and say no more of it than its end
 *      HELLO           from the agent  it is there
 *      OUTPUT, ERROR                   what the program wrote
 *      EXIT                            it ended, and nothing follows: an int, its status, or -N where a signal ended it
 */

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define DATA_MAX 65536
#define PROGRAMS_MAX 256

enum {
        HELLO = 1,
        START,
        INPUT,
        SIGNAL,
        FORGET,
        OUTPUT,
        ERROR,
        EXIT,
};

struct Message {
        uint32_t type;
        uint32_t id;
        uint32_t length;
};

/* What is polled for a program; -1 where it is over. */
enum {
        PROCESS, /* pidfd */
        STDIN,
        STDOUT,
        STDERR,
        N_FDS,
};

typedef struct Program {
        uint32_t id;
        int fds[N_FDS];
        int status;
        char *pending; /* input that it has not taken yet */
        size_t n_pending;
        bool input_ends; /* behind what is pending */
} Program;

typedef struct Agent {
        int port;
        Program programs[PROGRAMS_MAX];
        size_t n_programs;
} Agent;

static void check(bool good, const char *what) {
        if (good)
                return;

        perror(what);
        exit(1);
}

static void port_read(Agent *agent, void *data, size_t n) {
        for (char *at = data; n > 0;) {
                ssize_t done = read(agent->port, at, n);

                check(done > 0, "reading from the port");
                at += done;
                n -= (size_t) done;
        }
}

static void port_write(Agent *agent, const void *data, size_t n) {
        for (const char *at = data; n > 0;) {
                ssize_t done = write(agent->port, at, n);

                check(done > 0, "writing to the port");
                at += done;
                n -= (size_t) done;
        }
}

static void agent_say(Agent *agent, uint32_t type, uint32_t id, const void *data, size_t n) {
        struct Message message = { .type = type, .id = id, .length = (uint32_t) n };

        port_write(agent, &message, sizeof(message));
        port_write(agent, data, n);
}

static void program_close(Program *program, int which) {
        if (program->fds[which] >= 0)
                close(program->fds[which]);
        program->fds[which] = -1;
}

static bool program_is_over(const Program *program) {
        return program->fds[PROCESS] < 0 && program->fds[STDOUT] < 0 && program->fds[STDERR] < 0;
}

static void program_take_input(Program *program, const char *data, size_t n) {
        if (n == 0) {
                program->input_ends = true;
                return;
        }

        program->pending = realloc(program->pending, program->n_pending + n);
        check(program->pending, "memory");
        memcpy(program->pending + program->n_pending, data, n);
        program->n_pending += n;
}

/* Hands over what its pipe has room for. */
static void program_feed(Program *program) {
        ssize_t done = 0;

        if (program->n_pending > 0)
                done = write(program->fds[STDIN], program->pending, program->n_pending);
        if (done < 0 && errno == EAGAIN)
                return;
        if (done < 0) {
                /* It reads no more. */
                program_close(program, STDIN);
                return;
        }

        program->n_pending -= (size_t) done;
        memmove(program->pending, program->pending + done, program->n_pending);
        if (program->n_pending == 0 && program->input_ends)
                program_close(program, STDIN);
}

static void program_reap(Program *program) {
        siginfo_t info = {};

        check(waitid(P_PIDFD, (id_t) program->fds[PROCESS], &info, WEXITED) == 0, "waitid");
        program->status = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
        program_close(program, PROCESS);
}

static void program_forget(Program *program) {
        if (program->fds[PROCESS] >= 0)
                (void) pidfd_send_signal(program->fds[PROCESS], SIGKILL, NULL, 0);
        for (int which = STDIN; which < N_FDS; which++)
                program_close(program, which);
}

/* Never returns. */
static void execute(int in, int out, int err, char **argv) {
        bool ready;

        ready = setsid() >= 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && dup2(in, STDIN_FILENO) >= 0 &&
                dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0 && signal(SIGPIPE, SIG_DFL) != SIG_ERR;
        if (ready)
                execvp(argv[0], argv);

        dprintf(err, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
}

static char **split_strings(char *data, size_t n) {
        size_t count = 0;
        char **strings;

        strings = calloc(n + 1, sizeof(*strings));
        check(strings, "memory");
        for (char *at = data; at < data + n; at += strlen(at) + 1)
                strings[count++] = at;

        return strings;
}

static void agent_start(Agent *agent, uint32_t id, char *data, size_t n) {
        int in[2], out[2], err[2];
        char **argv;
        pid_t pid;

        errno = EMFILE;
        check(agent->n_programs < PROGRAMS_MAX, "programs");
        check(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0, "pipe2");

        argv = split_strings(data, n);
        pid = fork();
        check(pid >= 0, "fork");
        if (pid == 0)
                execute(in[0], out[1], err[1], argv);

        free(argv);
        close(in[0]);
        close(out[1]);
        close(err[1]);
        check(fcntl(in[1], F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
        agent->programs[agent->n_programs++] =
                (Program){ .id = id, .fds = { pidfd_open(pid, 0), in[1], out[0], err[0] } };
        check(agent->programs[agent->n_programs - 1].fds[PROCESS] >= 0, "pidfd_open");
}

static Program *agent_find(Agent *agent, uint32_t id) {
        for (size_t i = 0; i < agent->n_programs; i++)
                if (agent->programs[i].id == id)
                        return &agent->programs[i];

        /* Its end is on the way. */
        return NULL;
}

static void agent_obey(Agent *agent) {
        static char data[DATA_MAX];
        struct Message message;
        Program *program;

        port_read(agent, &message, sizeof(message));
        errno = EMSGSIZE;
        check(message.length <= sizeof(data), "a message");
        port_read(agent, data, message.length);

        if (message.type == START) {
                agent_start(agent, message.id, data, message.length);
                return;
        }

        program = agent_find(agent, message.id);
        if (!program)
                return;

        if (message.type == INPUT)
                program_take_input(program, data, message.length);
        else if (message.type == SIGNAL && program->fds[PROCESS] >= 0)
                (void) pidfd_send_signal(program->fds[PROCESS], data[0], NULL, 0);
        else if (message.type == FORGET)
                program_forget(program);
}

static void agent_pass_on(Agent *agent, Program *program, int which, uint32_t type) {
        static char data[DATA_MAX];
        ssize_t n;

        n = read(program->fds[which], data, sizeof(data));
        if (n > 0)
                agent_say(agent, type, program->id, data, (size_t) n);
        else
                program_close(program, which);
}

/* Does what poll() found to be possible. */
static void agent_serve(Agent *agent, Program *program, const struct pollfd *ready) {
        if (ready[STDIN].revents)
                program_feed(program);
        if (ready[STDOUT].revents)
                agent_pass_on(agent, program, STDOUT, OUTPUT);
        if (ready[STDERR].revents)
                agent_pass_on(agent, program, STDERR, ERROR);
        if (ready[PROCESS].revents)
                program_reap(program);
}

static void agent_drop_ended(Agent *agent) {
        for (size_t i = agent->n_programs; i-- > 0;) {
                Program *program = &agent->programs[i];

                if (!program_is_over(program))
                        continue;

                agent_say(agent, EXIT, program->id, &program->status, sizeof(program->status));
                program_close(program, STDIN);
                free(program->pending);
                *program = agent->programs[--agent->n_programs];
        }
}

static void agent_turn(Agent *agent) {
        static struct pollfd ready[1 + PROGRAMS_MAX * N_FDS];
        size_t n = agent->n_programs;

        ready[0] = (struct pollfd){ .fd = agent->port, .events = POLLIN };
        for (size_t i = 0; i < n * N_FDS; i++) {
                const Program *program = &agent->programs[i / N_FDS];
                int which = (int) (i % N_FDS);
                bool idle = which == STDIN && program->n_pending == 0 && !program->input_ends;

                ready[1 + i] = (struct pollfd){ .fd = idle ? -1 : program->fds[which],
                                                .events = which == STDIN ? POLLOUT : POLLIN };
        }

        check(poll(ready, 1 + n * N_FDS, -1) >= 0, "poll");
        for (size_t i = 0; i < n; i++)
                agent_serve(agent, &agent->programs[i], &ready[1 + i * N_FDS]);
        agent_drop_ended(agent);
        if (ready[0].revents)
                agent_obey(agent);
}

/* There is one, a moment after its driver was loaded. */
static int open_port(void) {
        for (;; usleep(10000)) {
                glob_t found;
                int fd = -1;

                if (glob("/dev/vport*", 0, NULL, &found) == 0)
                        fd = open(found.gl_pathv[0], O_RDWR | O_CLOEXEC);
                globfree(&found);
                if (fd >= 0)
                        return fd;
        }
}

/* What it starts is to be no part of any unit, as if it came from elsewhere. */
static void leave_unit(void) {
        int fd;

        fd = open("/sys/fs/cgroup/cgroup.procs", O_WRONLY | O_CLOEXEC);
        check(fd >= 0 && write(fd, "0", 1) == 1, "cgroup.procs");
        close(fd);
}

int main(void) {
        static Agent agent;

        leave_unit();
        signal(SIGPIPE, SIG_IGN);
        agent.port = open_port();
        agent_say(&agent, HELLO, 0, NULL, 0);

        for (;;)
                agent_turn(&agent);
}
