/* A shared object that is no module. */
extern const int dt_modul;
const int dt_modul = 1;
