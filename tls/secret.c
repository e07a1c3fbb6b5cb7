#include "tls/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* Signals that would end us, and leave a terminal without echo behind. */
static void ending_signals(sigset_t *set)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct sigaction now;

	sigemptyset(set);
	/* Not those that are ignored, as under nohup. */
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(set, signals[i]);
}

/* Until there is something to read (0), or a signal has come: its number. `signals` -1: none. */
static int wait_byte(int fd, int signals)
{
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	struct signalfd_siginfo info;

	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	if (p[1].revents && read(signals, &info, sizeof(info)) == sizeof(info))
		return (int)info.ssi_signo;
	return 0;
}

/*
 * A line without its end: 0; -1 where there is none or it is too long; or the number of the signal
 * that came before its end. A terminal may give a line in parts (Ctrl-D): each is waited for.
 */
static int read_line(int fd, int signals, char line[SECRET_MAX])
{
	size_t n = 0;
	ssize_t got;
	char c;

	for (;;) {
		const int came = wait_byte(fd, signals);

		if (came)
			return came;
		got = read(fd, &c, 1);
		if (got != 1 || c == '\n')
			break;
		if (n == SECRET_MAX - 1 || c == '\0')
			return -1;
		line[n++] = c;
	}
	line[n] = '\0';
	if (n > 0 && line[n - 1] == '\r')
		line[n - 1] = '\0';
	return got < 0 || (got == 0 && n == 0) ? -1 : 0;
}

static int ask(int tty, const char *what, const char *more, char line[SECRET_MAX])
{
	struct termios old, quiet;
	char prompt[128];
	int n = snprintf(prompt, sizeof(prompt), "%s%s: ", what, more);
	int rc = -1, signals;
	sigset_t set, before;

	if (tcgetattr(tty, &old) != 0)
		return -1;
	ending_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	quiet = old;
	quiet.c_lflag &= (tcflag_t)~ECHO;
	quiet.c_lflag |= ICANON;
	/* Before it asks: what is typed until then is thrown away. */
	tcsetattr(tty, TCSAFLUSH, &quiet);
	if (write(tty, prompt, (size_t)n) == n)
		rc = read_line(tty, signals, line);
	tcsetattr(tty, TCSAFLUSH, &old);
	(void)!write(tty, "\n", 1);
	if (signals >= 0)
		close(signals);
	if (rc > 0)
		raise(rc);
	/* Here it ends us. */
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0 ? 0 : -1;
}

static int from_terminal(const char *option, const char *what, bool twice, char secret[SECRET_MAX],
	char *err, size_t size)
{
	char again[SECRET_MAX];
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	bool same = true;

	if (tty < 0) {
		snprintf(err, size,
			"no terminal to ask for the password on: %s names a file with it", option);
		return -1;
	}
	if (ask(tty, what, "", secret) != 0) {
		close(tty);
		snprintf(err, size, "nothing was typed");
		return -1;
	}
	if (twice)
		same = ask(tty, what, " again", again) == 0 && strcmp(secret, again) == 0;
	explicit_bzero(again, sizeof(again));
	close(tty);
	if (!same)
		snprintf(err, size, "these were two different ones");
	return same ? 0 : -1;
}

int secret_read(const char *file, const char *option, const char *what, bool twice,
	char secret[SECRET_MAX], char *err, size_t size)
{
	int fd, rc;

	if (!file)
		return from_terminal(option, what, twice, secret, err, size);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	rc = fd < 0 ? -1 : read_line(fd, -1, secret);
	if (fd < 0)
		snprintf(err, size, "%s: %s", file, strerror(errno));
	else if (rc != 0)
		snprintf(err, size, "%s: its first line is no password", file);
	if (fd >= 0)
		close(fd);
	return rc;
}
