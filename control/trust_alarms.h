/* Alarms about who we are and who they are: certificates that end, CRLs out of date, devices that
 * are silent. Looked at once a minute; certificates also with the next tick after they, or what was
 * decided about a device, have changed; silence as often as it may last, where that is less, but
 * not so often that a look at many devices keeps the thread from other work. */
#ifndef SLUICE_CONTROL_TRUST_ALARMS_H
#define SLUICE_CONTROL_TRUST_ALARMS_H

#include <stdint.h>

#define TRUST_ALARMS_US	       60000000u
#define TRUST_ALARMS_DEVICE_US 100 /* between two looks for silence, for each device */
#define TRUST_ALARMS_DAYS      30  /* before the end of a certificate */
#define TRUST_ALARMS_NAMES     5   /* devices named in one alarm */

struct control;

/* Each second; looks when it is time (control's next_alarms_us, next_silence_us). */
void trust_alarms_tick(struct control *c, uint64_t now_us);

#endif
