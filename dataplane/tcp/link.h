/* A doubly linked list through its members; a member that is in no list has `next` NULL. */
#ifndef SLUICE_TCP_LINK_H
#define SLUICE_TCP_LINK_H

#include <stdbool.h>
#include <stddef.h>

struct tcp_link {
	struct tcp_link *next, *prev;
};

static inline void link_init(struct tcp_link *head)
{
	head->next = head;
	head->prev = head;
}

static inline bool link_empty(const struct tcp_link *head)
{
	return head->next == head;
}

static inline bool linked(const struct tcp_link *l)
{
	return l->next != NULL;
}

static inline void link_append(struct tcp_link *head, struct tcp_link *l)
{
	l->next = head;
	l->prev = head->prev;
	head->prev->next = l;
	head->prev = l;
}

static inline void link_remove(struct tcp_link *l)
{
	if (!l->next)
		return;
	l->next->prev = l->prev;
	l->prev->next = l->next;
	l->next = NULL;
}

#define LINK_OWNER(l, type, member) ((type *)(void *)((char *)(l)-offsetof(type, member)))

#endif
