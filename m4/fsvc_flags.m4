# SPDX-License-Identifier: LGPL-2.1-or-later
#
# FSVC_PROBE_FLAGS(VARIABLE, FLAGS): the flags that this compiler takes without a word.
AC_DEFUN([FSVC_PROBE_FLAGS], [
  AC_SUBST([$1])
  fsvc_saved_cflags=$CFLAGS
  for fsvc_flag in m4_normalize([$2]); do
    AC_MSG_CHECKING([whether $CC takes $fsvc_flag])
    CFLAGS="$fsvc_saved_cflags -Werror $fsvc_flag"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
      [AC_MSG_RESULT([yes]); $1="$$1 $fsvc_flag"], [AC_MSG_RESULT([no])])
  done
  CFLAGS=$fsvc_saved_cflags
])
