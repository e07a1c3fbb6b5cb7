/* The configuration's words as JSON. */
#ifndef SLUICE_CONTROL_CONFIG_JSON_H
#define SLUICE_CONTROL_CONFIG_JSON_H

#include <jansson.h>

#include "control/config/config.h"

/* [{line, column, path, text}] */
json_t *config_errors_json(const struct config_errors *errors);
/* {path, before, after, live} */
json_t *config_change_json(const struct config_change *change);

#endif
