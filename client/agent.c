/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>
#include <unistd.h>

/* As a fallback it leaves the question to a graphical agent of the session. Outside of a session polkit finds no
 * fallback agent at all, so there it has to be the agent. */
static bool session_exists(void) {
        return sd_pid_get_session(0, NULL) >= 0;
}

static void run_agent(pid_t parent, int notify_fd) __attribute__((noreturn));

static void run_agent(pid_t parent, int notify_fd) {
        char number[16];

        /* However this process ends, nobody is left to talk to the terminal. */
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
                _exit(1);

        /* It talks to /dev/tty. Standard output may be a pipe whose reader waits for the end of file. */
        dup2(STDERR_FILENO, STDOUT_FILENO);
        fcntl(notify_fd, F_SETFD, 0);
        snprintf(number, sizeof(number), "%d", notify_fd);

        execlp("pkttyagent", "pkttyagent", "--notify-fd", number, session_exists() ? "--fallback" : NULL, NULL);
        _exit(127);
}

/* It closes its end of the pipe when polkit has registered it, and also when it dies. */
static void wait_until_closed(int fd) {
        char byte;
        ssize_t n;

        do
                n = read(fd, &byte, 1);
        while (n > 0 || (n < 0 && errno == EINTR));
}

int agent_start(Agent *agent) {
        pid_t parent = getpid(), pid;
        int pipe_fds[2], r;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return -errno;

        pid = fork();
        if (pid < 0) {
                r = -errno;
                close(pipe_fds[0]);
                close(pipe_fds[1]);
                return r;
        }
        if (pid == 0)
                run_agent(parent, pipe_fds[1]);

        close(pipe_fds[1]);
        wait_until_closed(pipe_fds[0]);
        close(pipe_fds[0]);

        if (waitpid(pid, NULL, WNOHANG) == pid)
                return -ESRCH;

        agent->pid = pid;
        return 0;
}

void agent_stop(Agent *agent) {
        if (agent->pid == 0)
                return;

        kill(agent->pid, SIGTERM);
        /* The terminal may have stopped it; a stopped process does not see the first signal. */
        kill(agent->pid, SIGCONT);
        while (waitpid(agent->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        agent->pid = 0;
}
