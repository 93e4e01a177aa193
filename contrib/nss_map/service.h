/* service - the functions of libnss_map.so.2, as glibc calls them for passwd, shadow, group and initgroups. */
#ifndef CONTRIB_NSS_MAP_SERVICE_H
#define CONTRIB_NSS_MAP_SERVICE_H

#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <shadow.h>
#include <stddef.h>
#include <sys/types.h>

#pragma GCC visibility push(default)
enum nss_status _nss_map_getpwnam_r(const char *name, struct passwd *pw, char *buffer, size_t len,
				    int *errnop);
enum nss_status _nss_map_getpwuid_r(uid_t uid, struct passwd *pw, char *buffer, size_t len, int *errnop);
enum nss_status _nss_map_setpwent(int stay_open);
enum nss_status _nss_map_getpwent_r(struct passwd *pw, char *buffer, size_t len, int *errnop);
enum nss_status _nss_map_endpwent(void);
enum nss_status _nss_map_getspnam_r(const char *name, struct spwd *sp, char *buffer, size_t len, int *errnop);
enum nss_status _nss_map_getgrnam_r(const char *name, struct group *gr, char *buffer, size_t len,
				    int *errnop);
enum nss_status _nss_map_getgrgid_r(gid_t gid, struct group *gr, char *buffer, size_t len, int *errnop);
enum nss_status _nss_map_setgrent(int stay_open);
enum nss_status _nss_map_getgrent_r(struct group *gr, char *buffer, size_t len, int *errnop);
enum nss_status _nss_map_endgrent(void);
enum nss_status _nss_map_initgroups_dyn(const char *name, gid_t group, long *start, long *size,
					gid_t **groups, long limit, int *errnop);
#pragma GCC visibility pop

#endif
