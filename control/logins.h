/*
 * What workers may not decide about a login of the OFTP profile (dataplane/login.h): is the
 * preshared key right, which authorizes by itself; are user and password. A key is hashed in a
 * thread of its own. Control thread only.
 */
#ifndef SLUICE_CONTROL_LOGINS_H
#define SLUICE_CONTROL_LOGINS_H

#include "dataplane/login.h"

struct control;

/* For dp_judge_set(); `ctx` is the struct control. */
void logins_judge(void *ctx, struct login *g);

#endif
