/*
 * Preshared keys are hashed in threads of their own: a few at a time, apart from the readers that
 * serve operators, and behind the lcores (nice); some more wait for their turn, and of one source
 * no more than guesses.h allows. Whatever comes, commands and logs go on. Control thread only.
 */
#ifndef SLUICE_CONTROL_LOGIN_KEYS_H
#define SLUICE_CONTROL_LOGIN_KEYS_H

#include "dataplane/login.h"

#define LOGIN_KEYS_THREADS 2u
#define LOGIN_KEYS_WAITING 64u

struct control;
struct login_keys;

/* On c->loop. NULL with errno. */
struct login_keys *login_keys_new(struct control *c);
/* As jobs_free(); NULL is fine. */
bool login_keys_free(struct login_keys *k);

/* Judges a LOGIN_KEY: answered at once or later. */
void login_keys_judge(struct login_keys *k, struct login *g);

#endif
