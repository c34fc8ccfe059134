/* Where programs find the network: a DNS server and listeners on the loopback interface. Every connection is handed on with the name that was dialled. */
#ifndef GLOVEBOX_NETWORK_H
#define GLOVEBOX_NETWORK_H

#include <stdint.h>

/* Listens on these ports for names, on PROXY_PORT, and on port 53. -1 where one of them cannot be had; what was opened is closed again. */
int network_open(const uint16_t *ports, unsigned count);

#endif
