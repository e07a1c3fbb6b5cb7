/* What the methods device.* share: m_device.c looks, m_device_decide.c decides. */
#ifndef SLUICE_CONTROL_M_DEVICE_H
#define SLUICE_CONTROL_M_DEVICE_H

#include "control/method.h"

/* false: it does not, and the call has failed. */
bool device_registry_works(struct call *call, enum registry_status rc);
/* One that has logged and is not registered: does the configuration take its logs, as it is now? By
 * its address, or by a devid that is believed, from whoever says it. */
bool device_is_accepted(const struct control *c, const char *device);
/* Answers as device.show. false: neither registered nor seen, or the call has failed. */
bool device_show_as(struct call *call, const char *device);

#endif
