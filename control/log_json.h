/*
 * A log as JSON: what `log show` prints, whether sluiced has read it or sluicectl itself. Pure.
 */
#ifndef SLUICE_CONTROL_LOG_JSON_H
#define SLUICE_CONTROL_LOG_JSON_H

#include "control/text.h"
#include "dataplane/journal/reader.h"

/*
 * {"schema":1,"block","time","device","vdom","source","source_port","transport","conn_id","epoch",
 * "seq_no","flags":[],"log"}, without a newline. What is not known is null. Bytes that are no UTF-8
 * stand as "log_base64" instead of "log". `epoch` is text: 64 bits, 16 hex digits.
 */
void log_json(struct text *out, const struct journal_log *log);

#endif
