/* DNS over TCP, for those who ask that way. */
#ifndef GLOVEBOX_DNS_CLIENTS_H
#define GLOVEBOX_DNS_CLIENTS_H

/* Takes the socket over. Where there are too many, the oldest goes. */
void dns_clients_accept(int fd);

#endif
