/*
 * What workers may not decide about a login of the OFTP profile (dataplane/login.h): is the
 * preshared key right, which authorizes by itself (login_keys.h); are user and password. Control
 * thread only.
 */
#ifndef SLUICE_CONTROL_LOGINS_H
#define SLUICE_CONTROL_LOGINS_H

#include "dataplane/login.h"

struct control;

/* For dp_judge_set(); `ctx` is the struct control. */
void logins_judge(void *ctx, struct login *g);

/* In the registry's meta: what the salts of users that do not exist are made of, in hexadecimal. It
 * changes as little as the salts of those that do. */
#define USERS_SECRET "users-secret"
/* Reads it, or makes it. 0, or -1 with `err`. */
int logins_start(struct control *c, char *err, size_t err_size);

/* A verifier's number, as long as this process lives (auth.h). */
uint64_t logins_number(const struct control *c, const char *verifier);
/* The answer to a question; takes it over. */
void login_answer(struct control *c, struct login *g, bool granted, enum refusal_reason why,
	const char *detail);
/* It is not judged: whoever it is has guessed too often. */
void login_wait(struct control *c, struct login *g, uint32_t wait_s);

#endif
